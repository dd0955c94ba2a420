"""A TCP socket as the kernel tells of it, whichever way it is asked."""

from __future__ import annotations

import socket
from typing import NamedTuple

LISTEN = 10  # TCP_LISTEN of linux/tcp_states.h
# Those of a socket whose connection is made and not forgotten: ESTABLISHED, FIN_WAIT1, FIN_WAIT2,
# CLOSE_WAIT, LAST_ACK, CLOSING. One in SYN_SENT is at the end of no connection yet.
CONNECTED = frozenset({1, 4, 5, 8, 9, 11})

_PORTS = 1 << 16
_MAPPED = bytes(10) + b"\xff\xff"  # RFC 4291 section 2.5.5.2


class End(NamedTuple):
    """Where a socket is: ``address`` in network order, 4 or 16 octets. IPv4 always has 4."""

    address: bytes
    port: int


class Socket(NamedTuple):
    """A socket in this network namespace; ``inode`` is 0 when no process has it."""

    state: int
    source: End
    destination: End
    uid: int
    inode: int


def end(address: str, port: int) -> End:
    """Return an end of a numeric address.

    Raises OSError or ValueError for any other, also for one with a scope.
    """
    if not 0 <= port < _PORTS:
        raise ValueError(port)
    if ":" in address:
        return packed(socket.inet_pton(socket.AF_INET6, address), port)
    return End(socket.inet_pton(socket.AF_INET, address), port)


def packed(address: bytes, port: int) -> End:
    """Return an end of 4 or 16 octets, an IPv4 address in the dress of IPv6 without it."""
    return End(address[12:] if address[:12] == _MAPPED else address, port)
