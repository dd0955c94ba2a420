"""Questions about sockets over netlink: sock_diag(7), linux/inet_diag.h, netlink(7).

``Netlink`` lists all listeners in two of them; ``peers`` asks for one socket.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from opencoderouter.core.model import Listener
from opencoderouter.kernel.tcp import LISTEN, End, Socket, packed

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST, _NLM_F_DUMP, _NLM_F_DUMP_INTR = 0x1, 0x300, 0x10
_NLMSG_ERROR, _NLMSG_DONE = 2, 3

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_REQUEST = struct.Struct("=BBBxI48x")  # inet_diag_req_v2: family, protocol, extensions, states, id
# inet_diag_req_v2 for one socket: family, protocol, then inet_diag_sockid
_EXACT = struct.Struct("=BB6x36sI8s")
_ENDS = struct.Struct("!HH16s16s")  # both ports, both addresses
_NO_COOKIE = b"\xff" * 8
_ERROR = struct.Struct("=i")
_FAMILY_PORT = struct.Struct("!B3xH2x")  # inet_diag_msg: family, state, timer, retransmits, port
_SOURCE = slice(8, 24)
_STATE, _ENDS_AT = 1, 4
_UID_INODE, _UID_AT = struct.Struct("=II"), 64
_SIZE = 72
_IPV4, _IPV6 = 4, 16  # octets of an address

_BUFFER = 1 << 16  # the kernel sends 32 KiB at most
_TRIES = 3
# A second, as a timeval: the kernel answers within the call; this is for one that does not.
_TIMEOUT = struct.pack("@ll", 1, 0)


@dataclass(frozen=True, slots=True)
class Part:
    """What one datagram of a dump says: its ``messages``, still packed.

    ``done``: nothing follows. ``interrupted``: sockets came or went meanwhile, and some may be
    missing. ``error`` is an errno, or 0.
    """

    messages: tuple[bytes, ...] = ()
    done: bool = False
    interrupted: bool = False
    error: int = 0


def question(family: int) -> bytes:
    """Return the request for all listening TCP sockets of one address family."""
    flags = _NLM_F_REQUEST | _NLM_F_DUMP
    header = _HEADER.pack(_HEADER.size + _REQUEST.size, _SOCK_DIAG_BY_FAMILY, flags, 0, 0)
    return header + _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 1 << LISTEN)


def exact_question(source: End, destination: End, sequence: int) -> bytes:
    """Return the request for the one socket at ``source`` that is connected to ``destination``.

    Both are of one family. Where there is none the kernel answers with the socket that listens at
    ``source``, so its answer says as much as its own ends say.
    """
    family = socket.AF_INET if len(source.address) == _IPV4 else socket.AF_INET6
    ends = _ENDS.pack(source.port, destination.port, source.address, destination.address)
    size = _HEADER.size + _EXACT.size
    header = _HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, sequence, 0)
    return header + _EXACT.pack(family, socket.IPPROTO_TCP, ends, 0, _NO_COOKIE)


def parse_exact(data: bytes, sequence: int) -> Socket | None:
    """Return the socket of the answer to an exact question, or None when there is none.

    Raises OSError for any other error, and (EBADMSG) for anything that is not such an answer.
    """
    if len(data) < _HEADER.size or _HEADER.unpack_from(data)[3] != sequence:
        raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))
    part = parse_part(data)
    if part.error == errno.ENOENT:
        return None
    found = parse_socket(part.messages[0]) if len(part.messages) == 1 else None
    if part.error or found is None:
        raise OSError(part.error or errno.EBADMSG, os.strerror(part.error or errno.EBADMSG))
    return found


def parse_part(data: bytes) -> Part:
    """Take one datagram apart. Never raises: what is malformed ends it with EBADMSG."""
    messages: list[bytes] = []
    interrupted, at = False, 0
    while at < len(data):
        if at + _HEADER.size > len(data):
            return Part(error=errno.EBADMSG)
        length, kind, flags, _, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size or at + length > len(data):
            return Part(error=errno.EBADMSG)
        body = data[at + _HEADER.size : at + length]
        interrupted = interrupted or bool(flags & _NLM_F_DUMP_INTR)
        if kind in {_NLMSG_DONE, _NLMSG_ERROR}:
            return Part(tuple(messages), True, interrupted, _errno(body))  # noqa: FBT003 - a record
        if kind == _SOCK_DIAG_BY_FAMILY:
            messages.append(body)
        at += (length + 3) & ~3  # NLMSG_ALIGN
    return Part(tuple(messages), interrupted=interrupted)


def parse_listener(message: bytes) -> Listener | None:
    """Return the socket of an inet_diag_msg, or None when it is malformed."""
    if len(message) < _SIZE:
        return None
    family, port = _FAMILY_PORT.unpack_from(message)
    uid, inode = _UID_INODE.unpack_from(message, _UID_AT)
    source = message[_SOURCE]
    if family == socket.AF_INET:
        return Listener(socket.inet_ntop(socket.AF_INET, source[:4]), port, uid, inode)
    if family == socket.AF_INET6:
        return Listener(socket.inet_ntop(socket.AF_INET6, source), port, uid, inode)
    return None


def parse_socket(message: bytes) -> Socket | None:
    """Return the socket of an inet_diag_msg in any state, or None when it is malformed."""
    if len(message) < _SIZE or message[0] not in {socket.AF_INET, socket.AF_INET6}:
        return None
    size = _IPV4 if message[0] == socket.AF_INET else _IPV6
    sport, dport, source, destination = _ENDS.unpack_from(message, _ENDS_AT)
    uid, inode = _UID_INODE.unpack_from(message, _UID_AT)
    ends = packed(source[:size], sport), packed(destination[:size], dport)
    return Socket(message[_STATE], *ends, uid, inode)


def _errno(body: bytes) -> int:
    """Return the errno that both an error and the end of a dump begin with, negated."""
    return -int(_ERROR.unpack_from(body)[0]) if len(body) >= _ERROR.size else 0


_QUESTIONS = (question(socket.AF_INET), question(socket.AF_INET6))


def open_netlink() -> Netlink | None:
    """Return a question that works, or None where the kernel does not take it."""
    netlink = Netlink()
    try:
        netlink()
    except (OSError, AttributeError):  # AttributeError: a Python without AF_NETLINK
        netlink.close()
        return None
    return netlink


class Kernel(Protocol):
    """The part of a netlink socket that is used."""

    def send(self, data: bytes, /) -> int:
        """Put a question."""
        ...

    def recv(self, size: int, /) -> bytes:
        """Return the next datagram of the answer."""
        ...

    def close(self) -> None:
        """Close the socket."""
        ...


class Netlink:
    """A socket to the kernel, kept open between calls."""

    def __init__(self, connect: Callable[[], Kernel] | None = None) -> None:
        self._connect = connect or connect_kernel
        self._kernel: Kernel | None = None
        self._heard: list[tuple[bytes, Part]] = []  # each datagram, and what it says
        self._listeners: frozenset[Listener] = frozenset()

    def __call__(self) -> frozenset[Listener]:
        """Return all listeners. Raises OSError when the kernel will not say.

        The very same set is returned for as long as the kernel says the very same.
        """
        heard = self._hear()
        if heard != self._heard:
            messages = (message for _, part in heard for message in part.messages)
            self._listeners = frozenset(x for m in messages if (x := parse_listener(m)))
            self._heard = heard
        return self._listeners

    def close(self) -> None:
        """Close the socket; another call opens one."""
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None

    # Who asks has a plain function, and nothing to close.
    __del__ = close

    def _hear(self) -> list[tuple[bytes, Part]]:
        for _ in range(_TRIES):
            heard: list[tuple[bytes, Part]] = []
            try:
                for ask in _QUESTIONS:
                    self._ask(ask, heard)
            except InterruptedError:
                continue
            except OSError:
                self.close()  # drops what may still arrive of an answer that went wrong
                raise
            return heard
        raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))

    def _ask(self, ask: bytes, heard: list[tuple[bytes, Part]]) -> None:
        """Add what the kernel says to one question."""
        if self._kernel is None:
            self._kernel = self._connect()
        self._kernel.send(ask)
        first, done = len(heard), False
        while not done:
            heard.append(self._part(self._kernel.recv(_BUFFER), len(heard)))
            done = heard[-1][1].done
        if any(part.interrupted for _, part in heard[first:]):
            raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))

    def _part(self, data: bytes, index: int) -> tuple[bytes, Part]:
        """Take a datagram apart, unless it is the same as the last time, as nearly all are."""
        if index < len(self._heard) and self._heard[index][0] == data:
            return self._heard[index]
        part = parse_part(data)
        if part.error:
            raise OSError(part.error, os.strerror(part.error))
        return (data, part)


def connect_kernel() -> socket.socket:
    """Return a socket that takes questions. Raises OSError, AttributeError without AF_NETLINK."""
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    opened = socket.socket(socket.AF_NETLINK, kind, _NETLINK_SOCK_DIAG)
    # Not settimeout(): that would cost another system call before each one.
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEOUT)
    return opened
