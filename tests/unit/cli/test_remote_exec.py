"""One command on several hosts."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes_fleet import FakeLink, FakeLinks
from tests.unit.cli.conftest import Ocr

from opencoderouter.cli.remote_exec import Lines
from opencoderouter.core.fleet.model import HostState, Unreached
from opencoderouter.core.fleet.transport import Completed


@pytest.fixture
def links(ocr: Ocr) -> dict[str, FakeLink]:
    """Return three hosts: one is well, one fails, one is not reached."""
    hosts = {
        "a": FakeLink(Completed(0, b"one\ntwo\x1b\tx", b"")),
        "b": FakeLink(Completed(3, b"", b"bad\n")),
        "c": FakeLink(Unreached(HostState.UNREACHABLE, "refused")),
    }
    ocr.opened.links = FakeLinks(hosts)
    return hosts


def test_every_line_begins_with_its_host(ocr: Ocr, links: dict[str, FakeLink]) -> None:
    """Output is data, errors are not; nothing moves a cursor."""
    assert ocr("exec", "a", "b", "--", "uptime") == (
        1,
        "a: one\na: two\\x1b        x\n".replace("\\x1b        x", "\\x1b    x"),
        "b: bad\nocr: b: exit code 3\n",
    )
    assert links["a"].ran == ["uptime"]


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("ls | wc -l",), "ls | wc -l"),
        (("echo", "a b", "$(id)", "--", "-x"), "echo 'a b' '$(id)' -- -x"),
    ],
)
def test_what_is_run(
    ocr: Ocr, links: dict[str, FakeLink], words: tuple[str, ...], command: str
) -> None:
    """One word is for the shell there; several are quoted."""
    ocr("exec", "a", "--", *words)
    assert links["a"].ran == [command]


@pytest.mark.parametrize(
    ("hosts", "code"), [(("a",), 0), (("a", "a"), 0), (("a", "c"), 3), (("b", "c"), 1)]
)
def test_exit_codes(
    ocr: Ocr, links: dict[str, FakeLink], hosts: tuple[str, ...], code: int
) -> None:
    """1: it failed somewhere; 3: somebody was not reached. Each host once."""
    assert ocr("exec", *hosts, "--", "x")[0] == code
    assert len(links["a"].ran) == ("a" in hosts)
    assert ocr.opened.asked == 0  # nobody is probed for it


@pytest.mark.parametrize("arguments", [("a",), ("a", "--"), ()])
def test_without_a_command(ocr: Ocr, arguments: tuple[str, ...]) -> None:
    """Nothing is run."""
    code, out, err = ocr("exec", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_lines_do_not_depend_on_the_pieces(data: bytes, cuts: list[int]) -> None:
    """However it comes, also in the middle of a character, the lines are the same."""

    def lines(*pieces: bytes) -> list[str]:
        found: list[str] = []
        reader = Lines(found.append)
        for piece in pieces:
            reader.feed(piece)
        reader.end()
        return found

    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    pieces = [data[a:b] for a, b in pairwise(places)]
    assert lines(*pieces) == lines(data)
    assert all(line.isprintable() for line in lines(data))
