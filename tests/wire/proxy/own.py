"""A router without backends on loopback: just what it answers under its own names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web
from tests.fakes import FakeSupervisor
from tests.rig import workers
from tests.rig.entry import Entry, nobody
from tests.wire.proxy.staff import Staff

from opencoderouter.core.fleet.watched import Watching
from opencoderouter.core.hosts import Names
from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Listener
from opencoderouter.core.peers import Peer
from opencoderouter.proxy.api import routes
from opencoderouter.proxy.app import application
from opencoderouter.proxy.context import Context, Door, Network
from opencoderouter.proxy.events import Pace
from opencoderouter.proxy.listening import bind
from opencoderouter.proxy.server import serve
from opencoderouter.registry import Registry

SEEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOW = datetime(2026, 1, 2, 3, 5, 0, tzinfo=UTC)


class Quiet:
    """Asks no backend anything."""

    async def busy(self, _: Listener) -> frozenset[str] | None:
        """Know nothing."""
        return None


@dataclass
class Router:
    """A router whose table and launcher are in the test's hands."""

    registry: Registry = field(default_factory=Registry)
    supervisor: FakeSupervisor = field(default_factory=FakeSupervisor)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    boot: str = "boot"
    pace: Pace | None = None  # of events; with one there is no gate, and the time stands still
    port: int = 0
    entry: Entry = field(default_factory=Entry)
    door: Door = field(default_factory=nobody)
    peers: tuple[Peer, ...] = ()  # on the network
    network: Network = field(default_factory=Network)
    fleet: Watching = field(default_factory=Watching)

    @property
    def url(self) -> str:
        """Return the router's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def context(self) -> Context:
        """Return what the handlers are given."""
        return Context(
            registry=self.registry,
            supervisor=self.supervisor,
            client=Quiet(),
            names=Names("ada", frozenset({"devbox"})),
            username="ada",
            boot=self.boot,
            last_seen=lambda _: SEEN,
            closing=self.closing,
            access=self.entry.access(),
            peers=lambda: self.peers,
            network=lambda: self.network,
            fleet=lambda: self.fleet,
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve until the block ends, again on the same port when there was one before."""
        app = application(self.context) if self.pace is None else self._bare(self.pace)
        context = self.context
        sockets, *shares = bind("127.0.0.1", self.port, workers.count)
        staff = Staff(shares, context, grace=1, entry=self.entry, door=self.door)
        self.port = sockets[0].getsockname()[1]
        async with serve(
            app, sockets, grace=1, context=context, resources=staff.resources, beside=staff.work
        ):
            await staff.ready.wait()
            yield self.url

    def _bare(self, pace: Pace) -> web.Application:
        app = web.Application()
        app.add_routes(routes(self.context, pace=pace, now=lambda: NOW))
        return app


def managing(*managed: Managed) -> Router:
    """Return a router that manages these."""
    router = Router(supervisor=FakeSupervisor(*managed))
    router.registry.lease(*(state.directory for state in managed))
    return router
