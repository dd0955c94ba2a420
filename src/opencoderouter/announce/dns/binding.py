"""The sockets of the server, and in words why there are none."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from ipaddress import ip_address

from opencoderouter.kernel.addresses import is_here
from opencoderouter.kernel.holders import holders

_BACKLOG = 128  # connections that wait to be accepted
_TRIES = 20  # to find a port that is free for both

Place = tuple[str, int]


class Unbound(OSError):  # noqa: N818 - an expected end, not a broken promise
    """A place cannot be listened at; the text is for whoever has asked for it."""


def bind(places: tuple[Place, ...]) -> list[tuple[socket.socket, socket.socket]]:
    """Return a UDP and a listening TCP socket for each place; all of them, or none stays bound.

    Places are numeric addresses and ports; port 0 takes one that is free for both. ``::`` is IPv6
    only. Raises Unbound.
    """
    with ExitStack() as undo:
        bound = []
        for place in places:
            pair = _pair(place)
            for one in pair:
                undo.enter_context(one)
            bound.append(pair)
        undo.pop_all()
    return bound


def see_forward(places: tuple[Place, ...], forward: Iterable[Place]) -> None:
    """Raise Unbound when a server that listens at ``places`` would pass questions on to itself."""
    for address, port in forward:
        for place in places:
            if place[1] == port and _leads_to(address, place[0]):
                text = f"--dns-forward {address} leads to {_where(place)}: it would ask itself"
                raise Unbound(errno.ELOOP, text)


def _leads_to(address: str, listening: str) -> bool:
    """Tell whether who asks ``address`` asks who listens there."""
    asked, here = ip_address(address), ip_address(listening)
    if not here.is_unspecified or asked.version != here.version:
        return asked == here
    return is_here(address)


def _pair(place: Place) -> tuple[socket.socket, socket.socket]:
    address, port = place
    for left in range(_TRIES if port == 0 else 1, 0, -1):
        try:
            tcp = _open(address, port, socket.SOCK_STREAM)
            with ExitStack() as undo:
                undo.enter_context(tcp)
                udp = _open(address, tcp.getsockname()[1], socket.SOCK_DGRAM)
                undo.pop_all()
        except OSError as error:
            if error.errno != errno.EADDRINUSE or left == 1:
                raise Unbound(error.errno, _why(place, error)) from error
        else:
            return udp, tcp
    raise AssertionError


def _open(address: str, port: int, kind: socket.SocketKind) -> socket.socket:
    found = socket.getaddrinfo(address, port, type=kind, flags=socket.AI_NUMERICHOST)
    family, _, protocol, _, where = found[0]
    with ExitStack() as undo:
        opened = undo.enter_context(socket.socket(family, kind, protocol))
        opened.settimeout(0)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            # Connections that have ended keep the port for a minute otherwise.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(where)
        if kind == socket.SOCK_STREAM:
            opened.listen(_BACKLOG)
        undo.pop_all()
    return opened


def _where(place: Place) -> str:
    return f"port {place[1]} of {place[0]}"


def _why(place: Place, error: OSError) -> str:
    address, port = place
    where = _where(place)
    if error.errno == errno.EADDRINUSE:
        known = dict.fromkeys(str(one) for one in holders(port) if one.pid)
        by = ", ".join(known) or "a process that cannot be seen from here"
        return f"{where} is taken by {by}"
    if error.errno == errno.EACCES:
        return f"{where} needs root or CAP_NET_BIND_SERVICE: take a port above 1023, or start it so"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address} is no address of this machine"
    return f"{where}: {error.strerror}"
