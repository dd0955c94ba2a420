"""Whether the terminal is dark, asked of a real one (a pseudo-terminal)."""

from __future__ import annotations

import os
import pty
import termios
from collections.abc import Iterator
from threading import Thread

import pytest

from opencoderouter.tui.background import asked, is_dark

XTERM = {"TERM": "xterm-256color"}
Ends = tuple[int, int]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """Return both ends of a terminal: ours, and that of its screen."""
    screen, terminal = pty.openpty()
    yield terminal, screen
    os.close(screen)
    os.close(terminal)


@pytest.mark.parametrize(
    ("answer", "dark"),
    [
        (b"\x1b]11;rgb:0505/0707/0d0d\x1b\\\x1b[?62;c", True),
        (b"\x1b]11;rgb:ffff/ffff/ffff\x07\x1b[?1;2c", False),
        (b"\x1b]11;rgba:ff/ff/f0/ff\x1b\\\x1b[?1c", False),
        (b"\x1b[?1;2c", True),  # knows only the second question
    ],
)
def test_asked(ends: Ends, answer: bytes, dark: bool) -> None:  # noqa: FBT001 - parametrized
    """A terminal that answers is believed; nothing of the answer is left for others to read."""
    terminal, screen = ends
    before = termios.tcgetattr(terminal)

    def reply() -> None:
        os.read(screen, 100)
        os.write(screen, answer)

    thread = Thread(target=reply)
    with asked(terminal, XTERM) as is_it:
        thread.start()
        thread.join()
        assert is_it() is dark
    assert termios.tcgetattr(terminal) == before
    os.set_blocking(terminal, False)
    with pytest.raises(BlockingIOError):
        os.read(terminal, 1)


def test_silence(ends: Ends) -> None:
    """A terminal that says nothing counts as dark, after a short while."""
    with asked(ends[0], XTERM) as is_it:
        assert is_it()


@pytest.mark.parametrize(
    ("environment", "dark"),
    [
        ({**XTERM, "COLORFGBG": "15;0"}, True),
        ({**XTERM, "COLORFGBG": "0;default;15"}, False),
        ({"TERM": "linux"}, True),
        ({}, True),
    ],
)
def test_not_asked(ends: Ends, environment: dict[str, str], dark: bool) -> None:  # noqa: FBT001
    """Where the environment tells, or the terminal would not, nothing is asked."""
    with asked(ends[0], environment) as is_it:
        assert is_it() is dark
    os.set_blocking(ends[1], False)
    with pytest.raises(BlockingIOError):
        os.read(ends[1], 1)


def test_is_dark() -> None:
    """Green is light and blue is dark, as eyes have it; any number of digits will do."""
    assert not is_dark(b"\x1b]11;rgb:0/f/0\x07")
    assert is_dark(b"\x1b]11;rgb:000/000/fff\x07")
