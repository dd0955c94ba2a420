"""A router of this process only, whose limits are the test's and whose lane can be looked at."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.rig.entry import Entry, nobody
from tests.wire.proxy.staff import Sessions
from tests.wire.proxy.through import LONG, Client, Proxy, serving

from opencoderouter.core.model import Status
from opencoderouter.proxy.app import application
from opencoderouter.proxy.context import Door
from opencoderouter.proxy.lane.lane import Lane
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.occupancy import Occupancy
from opencoderouter.proxy.lane.stats import Stats
from opencoderouter.proxy.listening import bind
from opencoderouter.proxy.server import Resources, serve

_NARROW = 4096  # octets; the kernel has its own idea of the least


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone(Proxy):
    """The router; its end is the end of the block."""

    lane: Lane

    async def empty(self) -> None:
        """Return when all connections have been counted out."""
        async with asyncio.timeout(LONG):
            while self.lane.occupancy.connections:  # noqa: ASYNC110 - counts tell nobody
                await asyncio.sleep(0.01)
        assert self.lane.stats.connections == 0

    @asynccontextmanager
    async def narrow(self) -> AsyncIterator[Client]:
        """Connect as a client for which the kernel keeps next to nothing."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _NARROW)
        sock.connect(("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=_NARROW)
        try:
            yield Client(reader, writer)
        finally:
            writer.transport.abort()


@asynccontextmanager
async def alone(
    *ports: int,
    limits: Limits | None = None,
    narrow: bool = False,
    entry: Entry | None = None,
    door: Door | None = None,
) -> AsyncIterator[Alone]:
    """Run a router whose project is served on ``ports``.

    Everybody may come in, unless ``entry`` says otherwise. With ``narrow`` the kernel keeps next to
    nothing of what is sent to clients.
    """
    context = serving(*ports, status=Status.READY, sessions=Sessions(), entry=entry)
    sockets = bind("127.0.0.1", 0)[0]
    for one in sockets if narrow else ():  # who is accepted inherits it
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _NARROW)
    port, app = sockets[0].getsockname()[1], application(context)
    resources = Resources(limits or Limits(), Occupancy.create(1), Stats(), door or nobody())
    async with serve(app, sockets, grace=1, context=context, resources=resources) as server:
        yield Alone(port, context.registry, context, app, lane=server.lane)
