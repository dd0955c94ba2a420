"""A fleet for one command."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from opencoderouter.cli import remote_fleet
from opencoderouter.cli.remote_signals import Ending


async def told(number: signal.Signals, seen: list[str]) -> int:
    """Get a signal while at work."""
    try:
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()
    finally:
        seen.append("closed")
    return 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("more", [(), (signal.SIGINT, signal.SIGTERM)])
def test_a_signal_ends_a_command_in_order(
    number: signal.Signals, more: tuple[signal.Signals, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """What was opened is closed, whatever else comes; the exit code says why."""
    seen: list[str] = []

    async def work(ending: Ending) -> int:
        try:
            return await ending.guard(told(number, seen))
        finally:
            for one in more:
                os.kill(os.getpid(), one)
            await asyncio.sleep(0)
            seen.append("closed, too")

    before = [signal.getsignal(one) for one in signal.Signals]
    assert remote_fleet.run(work) == 128 + number
    assert seen == ["closed", "closed, too"]
    assert capsys.readouterr().err == ("ocr: interrupted\n" if number == signal.SIGINT else "")
    assert [signal.getsignal(one) for one in signal.Signals] == before


@pytest.mark.parametrize(
    ("codes", "code"), [((), 0), ((0, 0), 0), ((0, 3), 3), ((3, 1), 1), ((1, 0), 1)]
)
def test_the_exit_code_of_several(codes: tuple[int, ...], code: int) -> None:
    """What failed goes before who was not reached."""
    assert remote_fleet.worst(codes) == code
