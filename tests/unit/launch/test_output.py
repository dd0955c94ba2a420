"""What is kept of a server's output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.launch.output import LINES, Output, last_lines, plain


def test_last_lines() -> None:
    """The last 200 lines are kept, oldest first."""
    output = Output()
    for number in range(1000):
        output.feed(f"{number}\n".encode())
    assert output.lines == tuple(str(number) for number in range(800, 1000))


def test_a_line_that_has_not_ended() -> None:
    """What was printed so far is seen at once, and is one line with what follows."""
    output = Output()
    output.feed(b"one\nloa")
    assert output.lines == ("one", "loa")
    output.feed(b"ding\n")
    assert output.lines == ("one", "loading")


def test_end() -> None:
    """The next process's output begins on a line of its own."""
    output = Output()
    output.feed(b"cut of")
    output.end()
    output.end()
    output.feed(b"hello\n")
    assert output.lines == ("cut of", "hello")


def test_a_line_without_end() -> None:
    """A line is bounded, however long it is, and so is the memory behind it."""
    output = Output()
    for _ in range(100):
        output.feed(b"x" * 65536)
    (line,) = output.lines
    assert len(line) == 2000
    assert line.endswith("x…")


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        (b"plain \xe2\x82\xac\ttab", "plain €\ttab"),
        (b"\x1b[1;31mred\x1b[0m \x1b[38;5;12mblue", "red blue"),
        (b"\x1b]0;title\x07shown \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "shown link"),
        (b"\x1b(B\x1b7saved\x1b8 \x1b=", "saved "),
        (b"10%\r50%\r100%", "100%"),
        (b"windows\r", "windows"),
        (b"bell\x07 nul\x00 \x9b31m", "bell nul \ufffd31m"),
        ("\x9b31mred".encode(), "red"),
        (b"\xff\xfe bad", "\ufffd\ufffd bad"),
        (b"\x1b]0;no end", ""),
        (b"", ""),
    ],
)
def test_plain(printed: bytes, kept: str) -> None:
    """Only text is kept: no colours, titles, control characters or broken characters."""
    assert plain(printed) == kept


@given(st.lists(st.binary(max_size=60)), st.binary(max_size=300))
def test_any_bytes(parts: list[bytes], whole: bytes) -> None:
    """Any bytes, cut anywhere, give bounded lines without a control character."""
    output = Output()
    for part in [*parts, whole]:
        output.feed(part)
    assert len(output.lines) <= LINES
    for line in output.lines:
        assert all(character.isprintable() or ord(character) > 0x9F or character == "\t"
                   for character in line)  # fmt: skip


@given(st.lists(st.sampled_from([b"a", b"\n", "€".encode(), b"\x1b[0m"])), st.data())
def test_cuts_do_not_matter(tokens: list[bytes], data: st.DataObject) -> None:
    """The lines are the same wherever the reads were cut."""
    whole = b"".join(tokens)
    cut = data.draw(st.integers(0, len(whole)))
    output = Output()
    output.feed(whole[:cut])
    output.feed(whole[cut:])
    assert output.lines == last_lines(whole)
