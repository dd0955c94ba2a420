"""Whose a socket is: exact questions about single sockets (sock_diag(7), or ``/proc/net/tcp``).

Nothing but an exact answer counts: what the kernel does not say without doubt is None.
"""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from opencoderouter.core.model import Listener
from opencoderouter.kernel.netlink import Kernel, connect_kernel, exact_question, parse_exact
from opencoderouter.kernel.proc_net import read_sockets
from opencoderouter.kernel.tcp import CONNECTED, LISTEN, End, Socket, end

NOBODY = 65534  # what the kernel calls users whom this user namespace does not know

_BUFFER = 1 << 13  # one socket takes less than 200 bytes
_SEQUENCES = 1 << 32

Address = tuple[str, int]
_Ends = tuple[End, ...]
# Finds the socket at the first end that is connected to the second, else the one that listens at
# the first. Raises OSError when it cannot tell.
Find = Callable[[End, End], Socket | None]


class Owner(NamedTuple):
    """Whose a socket is, and which: an inode is not given twice while a machine runs.

    (It could be, after four thousand million more of them.)
    """

    uid: int
    inode: int


def peers(proc: Path = Path("/proc")) -> Peers | None:
    """Return who answers, or None where the kernel does not answer exactly (macOS, gVisor).

    It must know a connection that is made for the purpose; a netlink without TCP's part says of
    every socket that there is none.
    """
    ways: tuple[Find, ...] = (Exact(), Files(proc))
    return next((found for way in ways if _knows(found := Peers(way))), None)


class Peers:
    """Answers from what ``find`` finds. For one thread. Nothing raises."""

    def __init__(self, find: Find) -> None:
        self._find = find

    def client(self, client: Address, server: Address) -> Owner | None:
        """Return who owns the socket at the client's end of a connection on this machine.

        None: no such socket in this network namespace; it is closed, or no process has it yet or
        any more (inode 0); its user is not known here (65534).
        """
        found, ends = self._ask(client, server)
        if found is None or found.state not in CONNECTED or found.uid == NOBODY:
            return None
        # With no such connection the answer is who listens at the client's address.
        return _owner(found) if (found.source, found.destination) == ends else None

    def listener(self, address: str, port: int) -> Owner | None:
        """Return who gets a connection to a numeric address now, or None when nobody is known to.

        Of several sockets that share the address (SO_REUSEPORT) it is always the same one.
        """
        found, ends = self._ask((address, port))
        if found is None or found.state != LISTEN or found.source.port != port:
            return None
        # Whoever listens at all addresses answers for this one, maybe in the other family.
        everywhere = not any(found.source.address)
        return _owner(found) if everywhere or found.source == ends[0] else None

    def holds(self, listener: Listener) -> bool:
        """Tell whether it is still this very socket, of the same user, that gets connections."""
        now = self.listener(listener.target, listener.port)
        return now is not None and now == (listener.uid, listener.inode)

    def _ask(self, first: Address, second: Address | None = None) -> tuple[Socket | None, _Ends]:
        with suppress(OSError, ValueError):
            source = end(*first[:2])  # of IPv6 sockets there is more
            destination = end(*second[:2]) if second else End(bytes(len(source.address)), 0)
            if len(source.address) == len(destination.address):
                return self._find(source, destination), (source, destination)
        return None, ()


class Exact:
    """Finds a socket over netlink; keeps that open. About 10 us a question."""

    def __init__(self, connect: Callable[[], Kernel] = connect_kernel) -> None:
        self._connect = connect
        self._kernel: Kernel | None = None
        self._sequence = itertools.count(1)

    def __call__(self, source: End, destination: End) -> Socket | None:
        """Return the socket, or None when there is none. Raises OSError for any other answer."""
        sequence = next(self._sequence) % _SEQUENCES
        try:
            if self._kernel is None:
                self._kernel = self._connect()
            self._kernel.send(exact_question(source, destination, sequence))
            return parse_exact(self._kernel.recv(_BUFFER), sequence)
        except AttributeError:  # a Python without AF_NETLINK
            raise OSError("no netlink") from None
        except OSError:
            self.close()  # what may still arrive is no answer to the next question
            raise

    def close(self) -> None:
        """Close the socket; another call opens one."""
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None

    __del__ = close  # who asks has a plain function, and nothing to close


class Files:
    """Finds a socket in the files of ``/proc/net``: milliseconds, with many connections."""

    def __init__(self, proc: Path) -> None:
        self._proc = proc

    def __call__(self, source: End, destination: End) -> Socket | None:
        """Return the socket, or None when there is none. Raises OSError without the files."""
        sockets = [one for one in read_sockets(self._proc) if one.source.port == source.port]
        ends = (source, destination)
        exact = (one for one in sockets if (one.source, one.destination) == ends)
        return next(exact, None) or _listening(sockets, source)


def _listening(sockets: Iterable[Socket], source: End) -> Socket | None:
    """Return who gets a connection: who listens at the address, else at every address."""
    found = [one for one in sockets if one.state == LISTEN]
    here = (one for one in found if one.source == source)
    return next(here, None) or next((one for one in found if _takes(one, source)), None)


def _takes(listening: Socket, source: End) -> bool:
    own = len(listening.source.address)
    # Of ``::`` the files do not say whether it takes IPv4, too: it may.
    return not any(listening.source.address) and own >= len(source.address)


def _owner(found: Socket) -> Owner | None:
    return Owner(found.uid, found.inode) if found.inode else None


def _knows(asked: Peers) -> bool:
    """Tell whether the answers are right about a connection of our own."""
    try:
        with (
            socket.create_server(("127.0.0.1", 0), backlog=1) as server,
            socket.create_connection(server.getsockname()) as client,
        ):
            ends = client.getsockname(), server.getsockname()
            return (asked.client(*ends), asked.listener(*ends[1])) == (_fact(client), _fact(server))
    except OSError:
        return False


def _fact(opened: socket.socket) -> Owner:
    facts = os.fstat(opened.fileno())
    return Owner(facts.st_uid, facts.st_ino)
