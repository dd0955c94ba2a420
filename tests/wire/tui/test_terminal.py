"""The terminal, lent to another program."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rig import lender
from tests.rig.tmux import Tmux, tmux
from tests.rig.wait import until

pytestmark = pytest.mark.skipif(not os.access("/usr/bin/tmux", os.X_OK), reason="needs tmux")


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    """Yield a terminal."""
    socket = tmp_path_factory.mktemp("tmux") / "socket"
    with tmux(socket, os.environ) as opened:
        yield opened


@pytest.fixture
def lent(window: Tmux) -> Iterator[Tmux]:
    """Yield a terminal whose screen is left afterwards, and which then is as it was before."""
    yield window
    window.wait_for("screen ")
    window.press("q")
    window.wait_for("LEFT=0")
    window.run("clear; stty -a | tr ' ' '\\n' | grep -x echo; echo seen")
    window.wait_for("echo\nseen")


def start(window: Tmux, command: str, file: Path = Path("/dev/null")) -> None:
    """Run the screen, and have it lend the terminal to a command."""
    program = [sys.executable, str(Path(lender.__file__)), command, str(file)]
    window.run(f"clear; {shlex.join(program)}; echo LEFT=$?")
    window.wait_for("screen ")
    window.press("l")


def test_the_terminal_is_the_programs(lent: Tmux, tmp_path: Path) -> None:
    """What it draws stands, what is typed goes to it; all else goes on, but for the screen."""
    start(lent, 'test -t 0 && test -t 1 && echo "a tty, $LENT"; read line', tmp_path / "frames")
    lent.wait_for("a tty, yes")
    lent.type("q some words")
    lent.wait_for("q some words")
    until((tmp_path / "frames").exists, what=lent.screen)
    assert "screen " not in lent.screen()
    lent.press("Enter")
    lent.wait_for("ended 0")


def test_what_it_said_last(lent: Tmux) -> None:
    """The exit code and what was written on stderr are known; both were seen on the terminal."""
    start(lent, "echo one >&2; echo two >&2; read x; exit 3")
    lent.wait_for("one\ntwo")
    lent.press("Enter")
    lent.wait_for("ended 3 said one / two.")


def test_interrupts_are_the_programs(lent: Tmux) -> None:
    """Ctrl+C ends it, and it alone."""
    start(lent, "echo begun; exec sleep 600")
    lent.wait_for("begun")
    lent.press("C-c")
    lent.wait_for("ended -2")


def test_modes_that_it_left(lent: Tmux) -> None:
    """A program that dies with another screen, mouse and a raw terminal leaves none of it."""
    start(lent, "printf '\\033[?1049h\\033[?1000h\\033[?25l'; stty raw -echo; echo x; kill -9 $$")
    lent.wait_for("ended -9")


def test_who_stays_behind(lent: Tmux) -> None:
    """The end is that of the program, though a child of its still has its stderr."""
    start(lent, "(trap '' HUP; exec sleep 5) & echo over >&2")
    lent.wait_for("ended 0")


def test_no_such_program(lent: Tmux) -> None:
    """What cannot be started ends as in a shell."""
    start(lent, "exec /no/such/program")
    lent.wait_for("ended 127")
