"""Servers in the audit log."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.fakes import FakeSupervisor
from tests.rig.entry import Entry

from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Status
from opencoderouter.watch import Watch
from opencoderouter.wiring.journal import journal


class Launcher(FakeSupervisor):
    """Has whatever servers the test says."""

    def __init__(self) -> None:
        super().__init__()
        self._watch = Watch({})

    async def have(self, *servers: Managed) -> None:
        """Change, and let others see it."""
        self._watch.set({server.directory: server for server in servers})
        await asyncio.sleep(0)


async def test_servers_come_and_go() -> None:
    """Each process is noted when it starts and when it is gone; what waits to start is none."""
    launcher, entry = Launcher(), Entry()
    waiting = Managed("/srv/a", Status.STARTING)
    first = replace(waiting, pid=7, port=30001)
    other = Managed("/srv/b\n", Status.READY, pid=9, port=30002)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(journal(launcher, entry.record))
        await asyncio.sleep(0)
        await launcher.have(waiting)
        await launcher.have(first, other)
        await launcher.have(replace(first, status=Status.READY), other)
        await launcher.have(replace(first, pid=8), other)
        await launcher.have(waiting)
        task.cancel()
    assert [(event, fact["pid"]) for event, fact in entry.events] == [
        *[("server_started", 7), ("server_started", 9), ("server_ended", 7)],
        *[("server_started", 8), ("server_ended", 8), ("server_ended", 9)],
    ]
    assert "\n" not in str(entry.events[1][1]["directory"])
