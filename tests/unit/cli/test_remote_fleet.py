"""A fleet for one command."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from opencoderouter.cli import remote_fleet
from opencoderouter.cli.failure import Failure


async def told(number: signal.Signals, seen: list[str]) -> int:
    """Get a signal while at work."""
    try:
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        seen.append("closed")
        raise
    return 0


def test_sigterm_ends_a_command_in_order() -> None:
    """What was opened is closed, and the exit code says why."""
    seen: list[str] = []
    assert remote_fleet.run(told(signal.SIGTERM, seen)) == 128 + signal.SIGTERM
    assert seen == ["closed"]


def test_ctrl_c_ends_a_command_in_order() -> None:
    """So does a person."""
    seen: list[str] = []
    with pytest.raises(Failure, match="interrupted") as ended:
        remote_fleet.run(told(signal.SIGINT, seen))
    assert (ended.value.code, seen) == (130, ["closed"])


@pytest.mark.parametrize(
    ("codes", "code"), [((), 0), ((0, 0), 0), ((0, 3), 3), ((3, 1), 1), ((1, 0), 1)]
)
def test_the_exit_code_of_several(codes: tuple[int, ...], code: int) -> None:
    """What failed goes before who was not reached."""
    assert remote_fleet.worst(codes) == code
