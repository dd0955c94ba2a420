"""Listening: which sockets, and how serving begins and ends."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager
from functools import partial

from aiohttp import web

from opencoderouter.proxy.connection import Connection, unasked
from opencoderouter.proxy.context import Context
from opencoderouter.proxy.gate import RUNNING, Running

_TWINS = (("127.0.0.1", "::1"), ("0.0.0.0", "::"))  # noqa: S104 - not bound here
_NO_SUCH_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT}
_BACKLOG = 1024  # connections that wait to be accepted
# Connections accepted in one go: asyncio tries, and logs a failure, so often in a row.
_AT_ONCE = 16
_TRIES = 20  # to find a port that is free on both twins
_MOMENT = 0.1  # seconds, for what has been cancelled to end


class PortTaken(OSError):  # noqa: N818 - an expected end, not a broken promise
    """Another process listens there already."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__(errno.EADDRINUSE, f"port {port} of {address} is taken")
        self.address, self.port = address, port


def bind(hostname: str, port: int) -> list[socket.socket]:
    """Return listening sockets for a host name or address; all of them, or none stays bound.

    ``127.0.0.1``, ``::1`` and ``localhost`` mean both loopback addresses, ``0.0.0.0`` and ``::``
    both wildcards: who held the other one could receive what is sent to the same name. Without
    IPv6 on the machine that half is left out. Port 0 takes a free port, the same for all. Raises
    PortTaken, or OSError when the name is unknown or the port is not ours to bind.
    """
    addresses = _addresses(hostname)
    for _ in range(_TRIES if port == 0 else 0):
        try:
            return _bind(addresses, port)
        except PortTaken:
            continue
    return _bind(addresses, port)


def _addresses(hostname: str) -> list[str]:
    found = socket.getaddrinfo(hostname.strip("[]") or None, 0, type=socket.SOCK_STREAM)
    plain = dict.fromkeys(str(address[0]) for *_, address in found)
    result: list[str] = []
    for address in plain:
        result += next((pair for pair in _TWINS if address in pair), (address,))
    return list(dict.fromkeys(result))


def _bind(addresses: Iterable[str], port: int) -> list[socket.socket]:
    with ExitStack() as undo:
        bound: list[socket.socket] = []
        for address in addresses:
            chosen = bound[0].getsockname()[1] if bound else port
            listening = _listen(address, chosen)
            if listening is not None:
                bound.append(undo.enter_context(listening))
        if not bound:
            raise OSError(errno.EADDRNOTAVAIL, "no address to listen on")
        undo.pop_all()
        return bound


def _listen(address: str, port: int) -> socket.socket | None:
    """Return a listening socket; None for the IPv6 half of a twin on a machine without IPv6.

    Listening is part of it: with SO_REUSEADDR two sockets can be bound, but only one can listen.
    """
    family, kind, _, _, where = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
    )[0]
    with ExitStack() as undo:
        try:
            result = undo.enter_context(socket.socket(family, kind))
            result.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                result.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            result.bind(where)
            result.listen(_BACKLOG)
        except OSError as failure:
            if failure.errno == errno.EADDRINUSE:
                raise PortTaken(address, port) from failure
            if address in {"::1", "::"} and failure.errno in _NO_SUCH_FAMILY:
                return None
            raise
        undo.pop_all()
        return result


@asynccontextmanager
async def serve(
    app: web.Application, sockets: Iterable[socket.socket], *, grace: float, context: Context
) -> AsyncIterator[None]:
    """Serve while the block runs; ``context.closing`` is set when it ends.

    Then nothing is accepted any more, event streams and tunnels end at once, and other requests
    have ``grace`` seconds to finish before they are cut off. The sockets are closed.
    """
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=_MOMENT)
    await runner.setup()
    manager = runner.server
    if manager is None:
        raise RuntimeError("a runner that is set up has a server")
    unasked(manager)
    loop = asyncio.get_running_loop()
    listening = [
        await loop.create_server(partial(Connection, manager), sock=one, backlog=_AT_ONCE)
        for one in sockets
    ]
    for one in sockets:
        one.listen(_BACKLOG)
    try:
        yield
    finally:
        for server in listening:
            server.close()
        context.closing.set()
        await _finish(manager, app[RUNNING], grace)
        await runner.cleanup()


async def _finish(manager: web.Server, running: Running, grace: float) -> None:
    """Let requests end. Whoever waits for one is let go."""
    await asyncio.sleep(0)  # those that have just been accepted begin
    for connection in manager.connections:
        if isinstance(connection, Connection):
            connection.close_idle()
    if running:
        await asyncio.wait(running, timeout=grace)
