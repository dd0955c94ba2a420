"""Serving: the lane on its sockets, the application behind it, and how both end."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from opencoderouter.proxy.context import Context, Door
from opencoderouter.proxy.lane.accesslog import AccessLog
from opencoderouter.proxy.lane.lane import Lane
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.occupancy import Occupancy
from opencoderouter.proxy.lane.pool import Proof
from opencoderouter.proxy.lane.routing import Routing
from opencoderouter.proxy.lane.stats import Stats
from opencoderouter.proxy.listening import accepting
from opencoderouter.proxy.tls import Tls

_OURS = 8  # header fields that the lane adds
_MOMENT = 0.1  # seconds, for what has been cancelled to end


@dataclass(frozen=True, slots=True)
class Resources:
    """What the lane of one process counts with, asks, and writes to.

    ``proof`` is None where the kernel cannot be asked; with ``tls`` clients are served by HTTPS.
    """

    limits: Limits
    occupancy: Occupancy
    stats: Stats
    door: Door
    access: AccessLog | None = None
    proof: Proof | None = None
    tls: ssl.SSLContext | None = None


class Server:
    """The lane and the application of the process that owns the table.

    ``accept`` serves clients on listening sockets while its block runs, and closes these;
    ``serve_local`` serves the application to whoever has the other end of a socket.
    """

    def __init__(
        self,
        runner: web.AppRunner,
        context: Context,
        resources: Resources,
        group: asyncio.TaskGroup,
    ) -> None:
        self._runner, self._group = runner, group
        self._tls = Tls(resources.tls, resources.limits, group) if resources.tls else None
        self.lane = Lane(
            Routing(
                table=lambda: context.registry.table,
                names=context.names,
                inquirer=context.client,
                dial=self._dial,
                limits=resources.limits,
                occupancy=resources.occupancy,
                stats=resources.stats,
                access=resources.access,
                closing=context.closing,
                keyring=context.access.keyring,
                door=resources.door,
                strikes=context.access.strikes,
                record=context.access.record,
                now=context.access.now,
                scheme="https" if resources.tls else "http",
                proof=resources.proof,
            )
        )

    def accept(self, sockets: Sequence[socket.socket]) -> AbstractAsyncContextManager[None]:
        """Serve clients."""
        return accepting(self.lane.protocol, sockets, self._tls)

    def serve_local(self, end: socket.socket) -> None:
        """Serve the application on ``end``, which is taken over."""
        self._group.create_task(self._welcome(end), name="application")

    async def _welcome(self, end: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        end.setblocking(False)  # noqa: FBT003 - the standard library's
        try:
            await loop.connect_accepted_socket(self._handler, end)
        except OSError:  # gone already
            end.close()

    def _handler(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        if server is None:
            raise RuntimeError("a runner that is set up has a server")
        return server()

    def _dial(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003 - the standard library's
        self.serve_local(theirs)
        return ours


async def _nobody(_: Server) -> None:
    pass


@asynccontextmanager
async def serve(
    app: web.Application,
    sockets: Sequence[socket.socket],
    *,
    grace: float,
    context: Context,
    resources: Resources,
    beside: Callable[[Server], Coroutine[Any, Any, None]] = _nobody,
) -> AsyncIterator[Server]:
    """Serve while the block runs; ``context.closing`` is set when it ends.

    Then nothing is accepted any more, event streams and tunnels end at once, and other requests
    have ``grace`` seconds to finish before they are cut off. The sockets are closed. The
    application is served until ``beside``, a service that needs it, has ended, too.
    """
    runner = web.AppRunner(
        app,
        handler_cancellation=True,
        shutdown_timeout=_MOMENT,
        access_log=None,
        auto_decompress=False,
        # The lane has looked at these already.
        max_line_size=resources.limits.request_line,
        max_field_size=resources.limits.header_size,
        max_headers=resources.limits.header_fields + _OURS,
    )
    await runner.setup()
    async with asyncio.TaskGroup() as group:
        server = Server(runner, context, resources, group)
        timing = group.create_task(server.lane.run(), name="lane")
        others = group.create_task(beside(server), name="beside")
        try:
            async with server.accept(sockets):
                yield server
        finally:
            context.closing.set()
            await server.lane.finish(grace)
            await asyncio.wait([others])
            await runner.cleanup()
            timing.cancel()
