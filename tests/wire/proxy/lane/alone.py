"""A router of this process only, whose limits are the test's and whose lane can be looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.wire.proxy.staff import Sessions
from tests.wire.proxy.through import Proxy, serving

from opencoderouter.core.model import Status
from opencoderouter.proxy.app import application
from opencoderouter.proxy.lane.lane import Lane
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.listening import bind
from opencoderouter.proxy.server import Resources, serve


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone(Proxy):
    """The router; its end is the end of the block."""

    lane: Lane


@asynccontextmanager
async def alone(*ports: int, limits: Limits | None = None) -> AsyncIterator[Alone]:
    """Run a router whose project is served on ``ports``."""
    context = serving(*ports, status=Status.READY, sessions=Sessions())
    sockets = bind("127.0.0.1", 0)[0]
    port, app = sockets[0].getsockname()[1], application(context)
    resources = Resources.alone(limits)
    async with serve(app, sockets, grace=1, context=context, resources=resources) as server:
        yield Alone(port, context.registry, context, app, lane=server.lane)
