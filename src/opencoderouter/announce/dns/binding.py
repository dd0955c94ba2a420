"""The sockets of the server, and in words why there are none."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

from opencoderouter.core.printable import printable
from opencoderouter.kernel.processes import process, socket_owners

_BACKLOG = 128  # connections that wait to be accepted
_TRIES = 20  # to find a port that is free for both
_PROC = Path("/proc")
_LISTEN = "0A"  # the state of a TCP socket
_PORT, _STATE, _INODE = 1, 3, 9  # columns of /proc/net

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


def _why(place: Place, error: OSError) -> str:
    address, port = place
    where = f"port {port} of {address}"
    if error.errno == errno.EADDRINUSE:
        by = ", ".join(holders(port)) or "a process that cannot be seen from here"
        return f"{where} is taken by {by}"
    if error.errno == errno.EACCES:
        return f"{where} needs root or CAP_NET_BIND_SERVICE: take a port above 1023, or start it so"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address} is no address of this machine"
    return f"{where}: {error.strerror}"


def holders(port: int, *, proc: Path = _PROC) -> list[str]:
    """Return which processes have this UDP port or listen at this TCP port: ``name (pid 12)``.

    Those that may not be looked at are missing, and all where there is no ``/proc``.
    """
    inodes = {inode for table in ("udp", "udp6", "tcp", "tcp6") for inode in _on(proc, table, port)}
    with suppress(OSError):
        pids = sorted(set(socket_owners(inodes, proc=proc).values()))
        found = [one for pid in pids if (one := process(pid, proc=proc))]
        return [f"{printable(Path((*one.argv, '?')[0]).name)} (pid {one.pid})" for one in found]
    return []


def _on(proc: Path, table: str, port: int) -> set[int]:
    with suppress(OSError):
        rows = [row.split() for row in (proc / "net" / table).read_text().splitlines()[1:]]
        end = f":{port:04X}"
        here = [row for row in rows if row[_PORT].endswith(end)]
        if table.startswith("tcp"):
            here = [row for row in here if row[_STATE] == _LISTEN]
        return {int(row[_INODE]) for row in here} - {0}
    return set()
