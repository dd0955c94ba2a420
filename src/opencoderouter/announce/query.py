"""Questions as any client asks them: by multicast on one interface, to one DNS server.

Blocking, each in bounded time; nothing that is answered makes them raise.
"""

from __future__ import annotations

import secrets
import select
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Literal

from opencoderouter.announce.dns.query import HEADER, IN, QR, RD
from opencoderouter.announce.dns.records import AAAA, A
from opencoderouter.kernel.addresses import Interface

Kind = Literal["A", "AAAA"]
_TYPES: dict[Kind, int] = {"A": A, "AAAA": AAAA}
_PORT = 5353
_GROUPS = {socket.AF_INET: "224.0.0.251", socket.AF_INET6: "ff02::fb"}
_MREQN = struct.Struct("=4s4si")
_MREQ6 = struct.Struct("=16sI")
_PACKETS = (0.0, 0.3, 0.8)  # seconds at which a question is sent, again while something is missing
_BUFFER = 9000
_POINTER = 0xC0
_RECORD = struct.Struct("!HHIH")
_LENGTH = struct.Struct("!H")
_RCODE, _CUT = 0x000F, 0x0200


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered: the code, and numeric ``addresses``. It took ``seconds``."""

    rcode: int
    addresses: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(slots=True)
class Echo:
    """What became of a multicast question on one interface, in one family (4 or 6).

    ``error`` says why it could not be sent or heard at all. ``heard``: it came back to this machine
    as others get it. ``addresses`` are what was answered to it.
    """

    interface: str
    family: int
    error: str = ""
    heard: bool = False
    addresses: tuple[str, ...] = ()


@dataclass(slots=True)
class _Line:
    """The sockets of one interface and family. ``packet`` is asked, and known when it is heard."""

    echo: Echo
    packet: bytes
    group: tuple[object, ...]
    sender: socket.socket
    hearer: socket.socket = field(repr=False)


def multicast(
    interfaces: Sequence[Interface], name: str, *, answered: bool, within: float
) -> list[Echo]:
    """Ask for ``name`` by mDNS on each interface; return what happened, after ``within`` at most.

    Asked from a port of its own (RFC 6762 section 6.7): answers come to us alone. Who is
    ``answered`` waits for one on each interface that has heard the question, too.
    """
    end = time.monotonic() + within
    with ExitStack() as stack:
        lines, echoes = list[_Line](), list[Echo]()
        for interface in interfaces:
            for family in _families(interface):
                echoes.append(echo := Echo(interface.name, 4 if family == socket.AF_INET else 6))
                line = _opened(stack, interface, family, echo, name)
                lines += [line] if line else []
        began = time.monotonic()
        for moment in _PACKETS:
            open_ = [line for line in lines if not _is_done(line.echo, answered=answered)]
            for line in open_:
                _send(line)
            later = [one for one in _PACKETS if one > moment]
            until = min(began + later[0], end) if later else end
            _listen(open_, until, answered=answered)
    return echoes


def ask(
    address: str, port: int, name: str, kind: Kind, *, tcp: bool = False, within: float
) -> Reply | str:
    """Ask one DNS server by UDP or TCP; return its answer, or why there is none."""
    packet = _question(name, _TYPES[kind], RD)
    began = time.monotonic()
    try:
        data = _by(address, port, packet, tcp=tcp, within=within)
    except TimeoutError:
        return f"no answer in {within:g} s"
    except OSError as error:
        return (error.strerror or type(error).__name__).lower()
    reply = read(data)
    if reply is None or data[:2] != packet[:2]:
        return "the answer makes no sense"
    return Reply(reply.rcode, reply.addresses, time.monotonic() - began)


def read(data: bytes) -> Reply | None:
    """Return code and addresses of an answer; None for what is none."""
    try:
        _, flags, questions, answers, _, _ = HEADER.unpack_from(data)
        at = HEADER.size
        for _ in range(questions):
            at = _behind_name(data, at) + 4
        found = list[str]()
        for _ in range(answers if flags & QR else 0):
            at = _behind_name(data, at)
            kind, _, _, size = _RECORD.unpack_from(data, at)
            at += _RECORD.size
            found += _address(kind, data[at : at + size])
            at += size
    except (struct.error, IndexError):
        return None
    return Reply(flags & _RCODE, tuple(dict.fromkeys(found))) if flags & QR else None


def _behind_name(data: bytes, at: int) -> int:
    """Return where a name ends. A pointer ends it; none is followed."""
    while size := data[at]:
        if size >= _POINTER:
            return at + 2
        at += size + 1
    return at + 1


def _address(kind: int, data: bytes) -> list[str]:
    if kind == A and len(data) == 4:  # noqa: PLR2004 - octets
        return [socket.inet_ntop(socket.AF_INET, data)]
    if kind == AAAA and len(data) == 16:  # noqa: PLR2004 - octets
        return [socket.inet_ntop(socket.AF_INET6, data)]
    return []


def _question(name: str, kind: int, flags: int = 0) -> bytes:
    labels = [label.encode("ascii", "replace") for label in name.rstrip(".").split(".")]
    asked = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    head = HEADER.pack(secrets.randbelow(1 << 16), flags, 1, 0, 0, 0)
    return head + asked + struct.pack("!HH", kind, IN)


def _by(address: str, port: int, packet: bytes, *, tcp: bool, within: float) -> bytes:
    if not tcp:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as line:
            line.settimeout(within)
            line.connect((address, port))
            line.send(packet)
            return line.recv(_BUFFER)
    with socket.create_connection((address, port), timeout=within) as line:
        line.sendall(_LENGTH.pack(len(packet)) + packet)
        with line.makefile("rb") as stream:
            (size,) = _LENGTH.unpack(stream.read(2).ljust(2, b"\0"))
            return stream.read(size)


def _families(interface: Interface) -> list[socket.AddressFamily]:
    sixes = [":" in address for address in interface.addresses]
    found = [socket.AF_INET] if not all(sixes) else []
    return found + ([socket.AF_INET6] if any(sixes) else [])


def _opened(
    stack: ExitStack, interface: Interface, family: socket.AddressFamily, echo: Echo, name: str
) -> _Line | None:
    group = _GROUPS[family]
    to: tuple[object, ...] = (group, _PORT)
    if family == socket.AF_INET6:
        to = (group, _PORT, 0, interface.index)
    try:
        hearer = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        sender = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        _hear(hearer, family, interface.index, to)
        _speak(sender, family, interface.index)
    except OSError as error:
        echo.error = (error.strerror or str(error)).lower()
        return None
    kind = A if family == socket.AF_INET else AAAA
    return _Line(echo, _question(name, kind), to, sender, hearer)


def _hear(
    line: socket.socket, family: socket.AddressFamily, index: int, to: tuple[object, ...]
) -> None:
    """Join the group on one interface, beside all other mDNS stacks of the machine."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT"):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    packed = socket.inet_pton(family, _GROUPS[family])
    if family == socket.AF_INET:
        line.setsockopt(
            socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _MREQN.pack(packed, bytes(4), index)
        )
    else:
        line.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        line.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, _MREQ6.pack(packed, index))
    line.bind(to)
    line.settimeout(0)


def _speak(line: socket.socket, family: socket.AddressFamily, index: int) -> None:
    if family == socket.AF_INET:
        line.setsockopt(
            socket.IPPROTO_IP, socket.IP_MULTICAST_IF, _MREQN.pack(bytes(4), bytes(4), index)
        )
        line.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        line.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
    else:
        line.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        line.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        line.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
    line.settimeout(0)


def _send(line: _Line) -> None:
    try:
        line.sender.sendto(line.packet, line.group)
    except OSError as error:
        line.echo.error = (error.strerror or str(error)).lower()
    else:
        line.echo.error = ""


def _listen(lines: Sequence[_Line], until: float, *, answered: bool) -> None:
    """Take what comes until that moment, or until nothing is missing."""
    ends = {end: line for line in lines for end in (line.sender, line.hearer)}
    while (left := until - time.monotonic()) > 0:
        if all(_is_done(line.echo, answered=answered) for line in lines):
            return
        for end in select.select(list(ends), [], [], left)[0]:
            _take(ends[end], end)


def _take(line: _Line, end: socket.socket) -> None:
    try:
        data = end.recv(_BUFFER)
    except OSError as error:  # an ICMP error
        line.echo.error = (error.strerror or str(error)).lower()
        return
    if end is line.hearer:
        line.echo.heard |= data == line.packet
    elif data[:2] == line.packet[:2] and (reply := read(data)) is not None:
        line.echo.addresses = line.echo.addresses or reply.addresses


def _is_done(echo: Echo, *, answered: bool) -> bool:
    return bool(echo.heard and (echo.addresses or not answered))
