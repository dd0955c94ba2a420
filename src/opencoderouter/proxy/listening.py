"""Listening: which sockets, for one process or several, and when they accept."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager

from opencoderouter.proxy.tls import Tls, greeting

# Elsewhere SO_REUSEPORT is missing, or gives all connections to one of the sockets.
CAN_SHARE = sys.platform == "linux"

_TWINS = (("127.0.0.1", "::1"), ("0.0.0.0", "::"))  # noqa: S104 - not bound here
# Seconds of silence before the first probe, between two, and how many are not answered.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
_NO_SUCH_FAMILY = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT}
_BACKLOG = 1024  # connections that wait to be accepted
# Connections accepted in one go: asyncio tries, and logs a failure, so often in a row.
_AT_ONCE = 16
_TRIES = 20  # to find a port that is free on both twins


class PortTaken(OSError):  # noqa: N818 - an expected end, not a broken promise
    """Another process listens there already."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__(errno.EADDRINUSE, f"port {port} of {address} is taken")
        self.address, self.port = address, port


def bind(hostname: str, port: int, shares: int = 1) -> list[list[socket.socket]]:
    """Return listening sockets for a host name or address; all of them, or none stays bound.

    ``127.0.0.1``, ``::1`` and ``localhost`` mean both loopback addresses, ``0.0.0.0`` and ``::``
    both wildcards: who held the other one could receive what is sent to the same name. Without
    IPv6 on the machine that half is left out. Port 0 takes a free port, the same for all.

    Each of the ``shares`` (more than one where ``CAN_SHARE``) has a socket for every address; the
    kernel gives each new connection to one share. Raises PortTaken, or OSError when the name is
    unknown or the port is not ours to bind.
    """
    addresses = _addresses(hostname)
    for _ in range(_TRIES if port == 0 else 0):
        try:
            return _bind(addresses, port, shares)
        except PortTaken:
            continue
    return _bind(addresses, port, shares)


def _addresses(hostname: str) -> list[str]:
    found = socket.getaddrinfo(hostname.strip("[]") or None, 0, type=socket.SOCK_STREAM)
    plain = dict.fromkeys(str(address[0]) for *_, address in found)
    result: list[str] = []
    for address in plain:
        result += next((pair for pair in _TWINS if address in pair), (address,))
    return list(dict.fromkeys(result))


def _bind(addresses: Iterable[str], port: int, shares: int) -> list[list[socket.socket]]:
    with ExitStack() as undo:
        first: dict[str, socket.socket] = {}
        for address in addresses:
            listening = _listen(address, port)
            if listening is not None:
                first[address] = undo.enter_context(listening)
                port = listening.getsockname()[1]
        if not first:
            raise OSError(errno.EADDRNOTAVAIL, "no address to listen on")
        bound = [list(first.values())]
        if shares > 1:
            bound += _join(first, port, shares - 1, undo)
        undo.pop_all()
        return bound


def _join(
    first: dict[str, socket.socket], port: int, shares: int, undo: ExitStack
) -> list[list[socket.socket]]:
    """Let others listen where the first do.

    Only now that these listen do they allow it: two routers that allowed it before would both
    succeed, and share the port with each other.
    """
    for one in first.values():
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return [
        [undo.enter_context(_open(address, port, shared=True)) for address in first]
        for _ in range(shares)
    ]


def _listen(address: str, port: int) -> socket.socket | None:
    """Return a socket that listens alone; None for the IPv6 twin on a machine without IPv6."""
    try:
        return _open(address, port, shared=False)
    except OSError as failure:
        if address in {"::1", "::"} and failure.errno in _NO_SUCH_FAMILY:
            return None
        raise


def _keep_alive(listening: socket.socket) -> None:
    """Have connections end whose client has vanished; those that are accepted inherit it."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _open(address: str, port: int, *, shared: bool) -> socket.socket:
    """Return a listening socket.

    Listening is part of it: with SO_REUSEADDR two sockets can be bound, but only one can listen.
    """
    family, kind, _, _, where = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
    )[0]
    with ExitStack() as undo:
        result = undo.enter_context(socket.socket(family, kind))
        result.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _keep_alive(result)
        if shared:
            result.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            result.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            result.bind(where)
            result.listen(_BACKLOG)
        except OSError as failure:
            if failure.errno == errno.EADDRINUSE:
                raise PortTaken(address, port) from failure
            raise
        undo.pop_all()
        return result


@asynccontextmanager
async def accepting(
    protocol: Callable[[], asyncio.BaseProtocol],
    sockets: Sequence[socket.socket],
    tls: Tls | None = None,
) -> AsyncIterator[None]:
    """Accept connections, one ``protocol`` for each, while the block runs; with ``tls``: by HTTPS.

    Then these sockets are closed; copies of them that another process has go on listening.
    """
    if tls is not None:
        async with greeting(protocol, sockets, tls):
            yield
        return
    loop = asyncio.get_running_loop()
    with ExitStack() as end:
        for one in sockets:
            server = await loop.create_server(protocol, sock=one, backlog=_AT_ONCE)
            end.callback(server.close)
            one.listen(_BACKLOG)
        try:
            yield
        finally:
            # What asyncio has accepted gets its protocol a moment later, and is lost for ever when
            # the server is closed by then.
            for one in sockets:
                loop.remove_reader(one)
            await asyncio.sleep(0)
