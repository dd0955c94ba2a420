"""What strangers send, taken apart: no octets make this raise."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from opencoderouter.announce.dns.records import NAME, OPT, Name

HEADER: Final = Struct("!HHHHHH")  # id, flags, numbers of questions, answers, authorities, others
QR, AA, TC, RD, RA, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010
OPCODE: Final = 0x7800
DO: Final = 0x8000  # of the flags of OPT (RFC 3225)
IN: Final = 1
PLAIN: Final = 512  # octets over UDP where the client says nothing else
MOST: Final = 1232  # what is not fragmented anywhere (DNS flag day 2020)

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16

_FIXED = Struct("!HHIH")  # of a record, behind its name: type, class, TTL, length of the data
_KIND = Struct("!HH")


@dataclass(frozen=True, slots=True)
class Edns:
    """What OPT says (RFC 6891)."""

    size: int  # octets that the client takes over UDP
    version: int
    flags: int


@dataclass(frozen=True, slots=True)
class Query:
    """A question. ``question`` are its octets, to be given back as they are (0x20)."""

    id: int
    flags: int
    name: Name  # as asked
    type: int
    klass: int
    question: bytes
    edns: Edns | None = None

    @property
    def room(self) -> int:
        """Return how many octets an answer over UDP may have."""
        return max(PLAIN, min(self.edns.size, MOST)) if self.edns else PLAIN


@dataclass(frozen=True, slots=True)
class Broken:
    """A packet that is answered by its header only, with this code."""

    id: int
    flags: int
    rcode: int


def parse(packet: bytes) -> Query | Broken | None:
    """Return the question of a packet; None: it is none that may be answered."""
    if len(packet) < HEADER.size:
        return None
    id_, flags, *counts = HEADER.unpack_from(packet)
    if flags & QR:
        return None
    if flags & OPCODE:
        return Broken(id_, flags, NOTIMP)
    return _query(packet, counts) or Broken(id_, flags, FORMERR)


def _query(packet: bytes, counts: list[int]) -> Query | None:
    questions, answers, authorities, others = counts
    end = skip(packet, HEADER.size)
    if questions != 1 or answers or authorities or end is None or end + 4 > len(packet):
        return None
    type_, klass = _KIND.unpack_from(packet, end)
    edns = _others(packet, end + 4, others)
    if isinstance(edns, str):
        return None
    id_, flags = HEADER.unpack_from(packet)[:2]
    question = packet[HEADER.size : end + 4]
    return Query(id_, flags, labels(question), type_, klass, question, edns)


def skip(packet: bytes, start: int) -> int | None:
    """Return where a name without pointers ends; None: it is too long, or is none."""
    at, last = start, min(len(packet), start + NAME)
    while at < last:
        length = packet[at]
        at += 1 + length
        if length == 0:
            return at
        if length > 63:  # noqa: PLR2004 - a pointer, or what is no length
            return None
    return None


def labels(octets: bytes) -> Name:
    """Return the name that stands at the start of ``octets``, for which ``skip`` has an end."""
    found, at = [], 0
    while length := octets[at]:
        found.append(octets[at + 1 : at + 1 + length])
        at += 1 + length
    return tuple(found)


def _others(packet: bytes, at: int, number: int) -> Edns | str | None:
    """Return what OPT says, None without one; a text where the rest of the packet is broken."""
    edns = None
    for _ in range(number):
        name_end = skip(packet, at)
        if name_end is None or name_end + _FIXED.size > len(packet):
            return "no record"
        type_, klass, ttl, length = _FIXED.unpack_from(packet, name_end)
        root = name_end == at + 1
        at = name_end + _FIXED.size + length
        if type_ == OPT:
            if edns or not root:  # RFC 6891 section 6.1.1
                return "two, or with a name"
            edns = Edns(klass, ttl >> 16 & 0xFF, ttl & 0xFFFF)
    return edns if at == len(packet) else "cut, or more than was said"
