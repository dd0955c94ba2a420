"""Process 1, in a process namespace of its own: a child does the work, nothing is left lying."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest
from tests.rig.first import ALONE, WITH_TERMINAL, first, why_not_first
from tests.rig.wait import until

from opencoderouter.kernel import init

pytestmark = pytest.mark.skipif(bool(why_not_first()), reason=why_not_first() or "-")

_BEGIN = """
import os, signal, sys, time
from opencoderouter.kernel.init import stand_in
stand_in()
def say(*words): print(*words, flush=True)
"""
_COUNT = """
def heard(number, _): say(number)
for number in (1, 2, 3, 10, 12, 15, 28, 18): signal.signal(number, heard)
say("ready")
while True: signal.pause()
"""
_ORPHANS = """
read, write = os.pipe()
if (child := os.fork()) == 0:
    if os.fork() == 0:
        while os.getppid() == os.getpid() - 1: time.sleep(0.01)
        os.write(write, b"%d %d" % (os.getpid(), os.getppid()))
    os._exit(0)
os.waitpid(child, 0)
pid, parent = os.read(read, 99).split()
say(parent.decode())
while os.path.exists(f"/proc/{int(pid)}"): time.sleep(0.01)
say("reaped")
"""


@contextmanager
def running(
    program: str, *by: str, stdin: int = subprocess.DEVNULL, **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Run a program as process 1; yield it and what it says."""
    command = [*(by or ALONE), sys.executable, "-c", _BEGIN + program]
    variables = {**os.environ, **environment}
    with subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, env=variables) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


def ended(program: str, watched: str = "") -> tuple[int, bytes]:
    """Run a program as process 1 to its end; return its exit code, and what it has said."""
    with running(program, WATCHDOG_PID=watched) as (process, said):
        return process.wait(30), said.read()


def test_any_other_process_stays_as_it_is() -> None:
    """Nothing is forked where there is somebody else to do all that."""
    before = os.getpid(), os.getpgrp(), signal.pthread_sigmask(signal.SIG_BLOCK, ())
    init.stand_in()
    assert (os.getpid(), os.getpgrp(), signal.pthread_sigmask(signal.SIG_BLOCK, ())) == before


@pytest.mark.parametrize(
    ("end", "code"),
    [("sys.exit(0)", 0), ("sys.exit(7)", 7), ("os.kill(os.getpid(), signal.SIGKILL)", 137)],
)
def test_exit_code(end: str, code: int) -> None:
    """It ends as its child did, by a signal too; the child is not process 1, and blocks nothing."""
    look = "say(os.getpid(), os.getppid(), signal.pthread_sigmask(signal.SIG_BLOCK, ()))\n"
    assert ended(look + end) == (code, b"2 1 set()\n")


def test_signals_are_passed_on() -> None:
    """What is sent to process 1 reaches the program, once, and in turn."""
    with running(_COUNT) as (process, said):
        assert said.readline() == b"ready\n"
        one = first(process)
        for number in (1, 2, 3, 10, 12, 15, 28, 15):
            os.kill(one, number)
            assert said.readline() == b"%d\n" % number


def test_orphans_are_reaped() -> None:
    """What has lost its parent comes to process 1, and does not stay as a zombie."""
    assert ended(_ORPHANS) == (0, b"1\nreaped\n")


def test_what_is_left_ends_with_the_program() -> None:
    """When the program has ended, the kernel kills the rest: nothing runs on."""
    read, write = os.pipe()
    os.set_inheritable(write, True)  # noqa: FBT003 - the standard library's
    program = f"import subprocess; subprocess.Popen(['sleep', '600'], pass_fds=[{write}])"
    command = [*ALONE, sys.executable, "-c", f"{_BEGIN}{program}"]
    with os.fdopen(read, "rb") as end:
        subprocess.run(command, pass_fds=[write], timeout=30, check=True)
        os.close(write)
        assert end.read() == b""  # nobody holds the other end any more


def test_the_keys_of_a_terminal() -> None:
    """Each Ctrl-C comes once; Ctrl-Z stops nothing for good, as nobody could go on with it."""
    ours, theirs = os.openpty()
    with running(_COUNT, *WITH_TERMINAL, stdin=theirs) as (_, said):
        assert said.readline() == b"ready\n"
        for _ in range(3):
            os.write(ours, b"\x03")
            assert said.readline() == b"2\n"
        os.write(ours, b"\x1a")
        assert said.readline() == b"18\n"
        os.write(ours, b"\x1c")
        assert said.readline() == b"3\n"
    os.close(ours)
    os.close(theirs)


def test_the_watchdog_is_meant_for_the_program() -> None:
    """A service manager that wants to hear from process 1 hears from its child."""
    look = "say(os.environ['WATCHDOG_PID'])"
    assert ended(look, "1") == (0, b"2\n")
    assert ended(look, "77") == (0, b"77\n")


def test_it_is_small() -> None:
    """Nothing large is loaded before there are two processes, and little belongs to one alone."""
    with running(_COUNT) as (process, said):
        assert said.readline() == b"ready\n"
        rollup = f"/proc/{first(process)}/smaps_rollup"

        def own() -> int:
            with open(rollup, encoding="ascii") as file:  # noqa: PTH123 - as they say
                private = [line for line in file if line.startswith("Private_Dirty:")]
            return int(private[0].split()[1])

        assert until(lambda: own() < 4096, what=own)
