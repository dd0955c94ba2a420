"""Thousands of connections that do nothing of use, while others are served as ever.

A hundred slow ones and 300 idle ones by default; 1,000 and 5,000 with ``--slow``.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from tests.load.conftest import Note
from tests.rig import swarm
from tests.rig.crowd import Crowd
from tests.rig.guest import Way
from tests.rig.ledger import Ledger
from tests.rig.router import Router, router
from tests.rig.troupe import serving
from tests.rig.usage import at_rest, usage
from tests.rig.visits import MIX, malformed, vanish
from tests.rig.wait import until

pytestmark = pytest.mark.timeout(300)
USERS, WATCHERS = 4, 4
KEPT = 20  # files, of connections to the router's own application that wait for the next request
LATE = 10.0  # seconds after its time that a connection may end, with all that goes on


@dataclass(frozen=True, slots=True)
class Size:
    """How many connections, for how long, and the router's time-outs, in seconds."""

    slow: int
    idle: int
    hold: float
    header: float
    keepalive: float


SMALL = Size(slow=100, idle=300, hold=5, header=1.5, keepalive=2)
FULL = Size(slow=1000, idle=5000, hold=45, header=10, keepalive=20)


async def test_slow_and_idle_connections(
    environment: dict[str, str], tmp_path: Path, note: Note, *, slow: bool
) -> None:
    """They are turned out in time, whoever comes in between is answered, and nothing is kept."""
    size = FULL if slow else SMALL
    environment |= {
        "OCR_HEADER_TIMEOUT": f"{size.header * 1000:.0f}ms",
        "OCR_KEEPALIVE_TIMEOUT": f"{size.keepalive:.0f}s",
    }
    name = f"steady-{secrets.token_hex(3)}"
    (tmp_path / name).mkdir()
    ledger = Ledger(frozenset({name}))
    with router([], environment=environment, log=tmp_path / "log") as running:
        pid, port = running.process.pid, running.scan[0]
        ledger.begins("only", name, port)
        before = at_rest(pid)
        with serving(tmp_path / name, port):
            running.ready(tmp_path / name)
            calm = await _traffic(running, name, ledger, size.hold / 2)
            host = f"{name}.localhost:{running.port}"
            with swarm.swarm(running.port, slow=size.slow, idle=size.idle, host=host) as held:
                stormy = await _traffic(running, name, ledger, size.hold)
                during = usage(pid)
                ends = held.leave()
            assert await _traffic(running, name, ledger, 0.5)
        most = before.files + KEPT
        until(lambda: usage(pid).files <= most, what=lambda: (before, usage(pid)))
        after = usage(pid)
        assert running.process.poll() is None
    note("overload: held", f"{size.slow} slow, {size.idle} idle, made in {held.gathered:.1f} s")
    note("overload: slow ones ended", f"{ends.slow}")
    note("overload: idle ones ended", f"{ends.idle}")
    note("overload: a short GET, without them and with them", f"{_times(calm)}; {_times(stormy)}")
    note("overload: before, during, after", f"{before}; {during}; {after}")
    _judge(ends, size, during.files)
    assert "Traceback" not in running.log.read_text()


def _judge(ends: swarm.Report, size: Size, files: int) -> None:
    assert ends.failed == 0
    assert files >= size.slow + size.idle
    assert sum(ends.slow.how.values()) >= size.slow
    assert set(ends.slow.how) <= {"408", "closed", "reset"}
    assert 0.9 * size.header <= ends.slow.soonest
    assert ends.slow.latest <= size.header + LATE
    assert sum(ends.idle.how.values()) >= size.idle
    assert set(ends.idle.how) == {"closed"}
    assert 0.9 * size.keepalive <= ends.idle.soonest
    assert ends.idle.latest <= size.keepalive + LATE


async def _traffic(running: Router, name: str, ledger: Ledger, seconds: float) -> list[float]:
    """Ask in many ways, streams held open, for some time; return the seconds of each short GET."""
    mix = {visit: count for visit, count in MIX.items() if visit not in {vanish, malformed}}
    ways = [Way(name, running.port, by_host) for by_host in (True, False)]
    random = Random(2)  # noqa: S311 - a mix that can be had again, not a secret
    crowd = Crowd(running.port, ledger, ways, mix, 0.02, random)
    async with asyncio.TaskGroup() as group:
        group.create_task(crowd.run(USERS, WATCHERS), name="crowd")
        await asyncio.sleep(seconds)
        crowd.over.set()
    assert ledger.wrongs == 0, "\n".join(ledger.wrong)
    return crowd.took["small"]


def _times(took: list[float]) -> str:
    cuts = [cut * 1000 for cut in statistics.quantiles(took, n=100)]
    return f"p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms of {len(took)}"
