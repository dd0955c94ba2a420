"""The workers of a router whose owner is the test itself."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from tests.rig.entry import Entry, nobody

from opencoderouter.core.model import Listener
from opencoderouter.proxy.context import Context, Door
from opencoderouter.proxy.lane.lane import Lane
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.occupancy import Occupancy
from opencoderouter.proxy.lane.stats import Snapshot, Stats, merge
from opencoderouter.proxy.server import Resources, Server
from opencoderouter.wiring import worker
from opencoderouter.wiring.messages import Start
from opencoderouter.wiring.workers import Owner, Workers

_BUSY = "RIG_BUSY"  # environment of a worker: what backends would say


@dataclass
class Sessions:
    """Tells which sessions are at work, by port."""

    by_port: Mapping[int, frozenset[str] | None] = field(default_factory=dict)
    hangs: int | None = None  # the port that never tells

    async def busy(self, listener: Listener) -> frozenset[str] | None:
        """Return the sessions of a backend."""
        if listener.port == self.hangs:
            await asyncio.Event().wait()
        return self.by_port.get(listener.port)


class Staff:
    """A worker at each of ``shares``; ``ready`` is set when all accept."""

    def __init__(
        self,
        shares: Sequence[Sequence[socket.socket]],
        context: Context,
        *,
        grace: float,
        sessions: Sessions | None = None,
        entry: Entry | None = None,
        door: Door | None = None,
    ) -> None:
        self._entry = entry or Entry()
        self.ready = asyncio.Event()
        self.resources = Resources(
            Limits(), Occupancy.create(1 + len(shares)), Stats(), door or nobody()
        )
        start = Start(
            names=context.names,
            limits=Limits(),
            grace=grace,
            probe_timeout=1.0,
            log_format="text",
            log_level="warning",
            access_log="off",
            access_log_format="common",
            log_size=10**6,
            auth="off",
        )
        self._workers = Workers(start, shares, module="tests.wire.proxy.staff")
        self._context, self._sessions = context, sessions or Sessions()
        self._awaited = len(shares)
        self._arrived()

    async def work(self, server: Server) -> None:
        """Service beside the router."""
        ports = {port: sorted(ids or ()) for port, ids in self._sessions.by_port.items()}
        os.environ[_BUSY] = json.dumps([ports, self._sessions.hangs])

        @asynccontextmanager
        async def accept(sockets: Sequence[socket.socket]) -> AsyncIterator[None]:
            async with server.accept(sockets):
                yield
            self._awaited -= 1
            self._arrived()

        await self._workers.run(
            Owner(
                registry=self._context.registry,
                keyring=self._entry.watch,
                strikes=self._context.access.strikes,
                occupancy=self.resources.occupancy,
                closing=self._context.closing,
                serve_local=server.serve_local,
                accept=accept,
            )
        )

    def figures(self) -> Snapshot:
        """Return what all processes have counted, exactly when they have ended."""
        return merge([self.resources.stats.snapshot(), *self._workers.snapshots()])

    def _arrived(self) -> None:
        if not self._awaited:
            self.ready.set()


def main() -> None:
    """Be a worker whose backends need not be asked, nor the kernel whose they are."""
    ports, hangs = json.loads(os.environ[_BUSY])
    sessions = Sessions({int(port): frozenset(ids) for port, ids in ports.items()}, hangs)
    worker.main(lambda routing: Lane(replace(routing, inquirer=sessions, proof=None)))
