"""The frames of an answer: whole, cut, and among the words of others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.fleet.frames import Item, Part, read_frames

NONCE = "f00d"
ANSWER = b"""Welcome!
f00d begin 1

f00d part host
system Linux 6

f00d said 0


f00d done host

f00d part sessions
f00d item db
[1]

f00d item failed

f00d said 3
Some line
Error: no such column

f00d done sessions

f00d end
bye"""
WHOLE = {
    "host": Part((Item("", "system Linux 6"),), 0, "\n\n\n"),
    "sessions": Part(
        (Item("", ""), Item("db", "[1]"), Item("failed", "")),
        3,
        "\nSome line\nError: no such column\n\n",
    ),
}


def test_whole() -> None:
    """All parts are there, with their items, exit code and stderr."""
    frames = read_frames(ANSWER, NONCE)
    assert frames is not None
    assert frames.ended
    assert frames.parts == WHOLE


def test_terminal_lines() -> None:
    """Lines may end as those of a terminal do."""
    assert read_frames(ANSWER.replace(b"\n", b"\r\n"), NONCE) == read_frames(ANSWER, NONCE)


@pytest.mark.parametrize(
    "noise",
    [b"motd\n", b"\xff\xfe\x00", b"f00d part host\nf00d said 0\n\nf00d done host\n", b"f00d x"],
)
def test_noise_before(noise: bytes) -> None:
    """What stands before the beginning means nothing, whatever it looks like."""
    frames = read_frames(noise + b"\n" + ANSWER, NONCE)
    assert frames is not None
    assert frames.parts == WHOLE


def test_nothing() -> None:
    """Where the script did not begin there is no answer; nor with another form of frames."""
    assert read_frames(b"This account is currently not available.\n", NONCE) is None
    assert read_frames(ANSWER.replace(b"begin 1", b"begin 2"), NONCE) is None
    assert read_frames(ANSWER, "beef") is None


def test_cut() -> None:
    """A part is only whole when its end has come: cut anywhere, it says so or it is the same."""
    for size in range(ANSWER.index(b"begin 1") + 8, len(ANSWER)):
        frames = read_frames(ANSWER[:size], NONCE)
        assert frames is not None
        for name, part in frames.parts.items():
            if name in WHOLE:
                assert part.code is None or part == WHOLE[name]


@pytest.mark.parametrize(
    ("part", "trouble"),
    [
        (Part(code=0, said="a warning"), ""),
        (Part(code=None), "the answer was cut off"),
        (Part(code=124, said="Killed"), "it took too long"),
        (
            Part(code=1, said="\u2800 \u2584\n  -v, --version  show version number"),
            "this OpenCode does not know --pure, without which it could run plugins",
        ),
        (Part(code=1, said="db\n --pure \n show version number"), "db"),
        (Part(code=3), "exit code 3"),
        (Part(code=3, said="\nat x\nTypeError: y\nz"), "TypeError: y"),
        (Part(code=127, said="sh: 1: opencode: not found"), "sh: 1: opencode: not found"),
        (Part(code=1, said="broken\nreally"), "broken"),
        (Part(code=1, said=f"error {'x' * 900}"), f"error {'x' * 194}"),
    ],
)
def test_trouble(part: Part, trouble: str) -> None:
    """The line of stderr that tells the most says why a part failed; without any, its code."""
    assert part.trouble == trouble


@given(st.binary())
def test_never_raises(data: bytes) -> None:
    """Any octets are read."""
    read_frames(data, NONCE)
    read_frames(b"f00d begin 1\n" + data, NONCE)


@given(st.lists(st.sampled_from(ANSWER.split(b"\n")), max_size=30))
def test_never_raises_for_frames(lines: list[bytes]) -> None:
    """Frames in any order are read."""
    read_frames(b"f00d begin 1\n" + b"\n".join(lines), NONCE)
