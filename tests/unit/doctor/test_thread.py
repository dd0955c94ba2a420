"""Tests of blocking calls beside the loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.rig.diagnosis import facts

from opencoderouter.doctor.finding import Finding, Status
from opencoderouter.doctor.thread import in_thread, threaded


async def test_what_it_returns_and_raises() -> None:
    """The future gets the value, or the error; arguments are passed on."""
    assert await in_thread(divmod, 7, 3) == (2, 1)
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)


async def test_an_answer_that_comes_too_late_is_dropped() -> None:
    """A call that was given up may end later: nothing happens, nothing is logged."""
    go, ended = threading.Event(), threading.Event()

    def late() -> None:
        assert go.wait(30)
        ended.set()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await in_thread(late)
    go.set()
    assert await in_thread(ended.wait, 30)


def test_a_call_that_hangs_does_not_keep_the_program() -> None:
    """The program ends although a thread hangs for ever."""
    script = """
import asyncio, threading
from opencoderouter.doctor.thread import in_thread

async def main():
    try:
        async with asyncio.timeout(0.01):
            await in_thread(threading.Event().wait)
    except TimeoutError:
        print("cut")

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=50, check=True
    )
    assert (done.stdout, done.stderr) == ("cut\n", "")


async def test_a_blocking_check(tmp_path: Path) -> None:
    """``threaded`` runs it in another thread, with the facts."""
    known = facts(tmp_path)

    def look(given: object) -> tuple[Finding, ...]:
        assert given is known
        return (Finding("x", Status.OK, threading.current_thread().name),)

    (finding,) = await threaded(look)(known)
    assert finding.summary != threading.current_thread().name
