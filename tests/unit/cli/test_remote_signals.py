"""Signals that end the program."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from opencoderouter.cli.remote_signals import Ending, handling


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_quiet(number: signal.Signals) -> None:
    """Where nothing is open, a signal ends the program with the exit code that a shell gives it."""
    script = (
        "import os; from opencoderouter.cli.remote_signals import quiet; quiet();"
        f"os.kill(os.getpid(), {number}); print('went on')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, b"", b"")


def test_who_ignores_a_hangup_means_it() -> None:
    """As `nohup` does: nothing is told of it, and it stays so."""
    seen: list[int] = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with handling(lambda number, _: seen.append(number)):
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert seen == [signal.SIGTERM]


def test_a_signal_before_there_is_anything_to_end() -> None:
    """It is not forgotten; only the first one counts."""
    ending, ended = Ending(), list[str]()
    ending.received(signal.SIGTERM)
    ending.received(signal.SIGINT)
    with ending.ends(lambda: ended.append("once")):
        ending.received(signal.SIGINT)
    ending.received(signal.SIGINT)
    assert (ended, ending.code(0)) == (["once"], 143)


async def test_what_is_done_is_done() -> None:
    """A signal that comes after the job changes nothing of its exit code."""
    ending = Ending()

    async def job() -> int:
        await asyncio.sleep(0)
        return 3

    assert await ending.guard(job()) == 3
    ending.received(signal.SIGTERM)
    assert ending.code(0) == 143
