"""Answers as octets. The only module that knows dnslib."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dnslib import DNSBuffer, DNSLabel, dns

from opencoderouter.announce.dns.query import (
    AA,
    CD,
    DO,
    HEADER,
    MOST,
    NOERROR,
    OPCODE,
    QR,
    RA,
    RD,
    TC,
    Broken,
    Query,
)
from opencoderouter.announce.dns.records import (
    OPT,
    Authority,
    Data,
    Name,
    Record,
    Service,
    fits,
    folded,
)

LARGEST = 0xFFFF  # octets over TCP
_OPT = 11  # octets
_POINTABLE = 0x4000  # a pointer has 14 bits


@dataclass(frozen=True, slots=True)
class Reply:
    """What is to be said. ``others`` may be left out where there is no room."""

    rcode: int = NOERROR
    answers: Sequence[Record] = ()
    authorities: Sequence[Record] = ()
    others: Iterable[Record] = ()
    authoritative: bool = False
    recursion: bool = False  # it is to be had here
    cut: bool = False  # ask again over TCP


class _Near(dict[tuple[bytes, ...], int]):
    """Where names stand, as far as a pointer reaches; dnslib would write a wrong one."""

    def __setitem__(self, labels: tuple[bytes, ...], offset: int) -> None:
        if offset < _POINTABLE:
            super().__setitem__(labels, offset)


def header_only(broken: Broken) -> bytes:
    """Return an answer of twelve octets: no question, for it may not be one."""
    flags = QR | broken.flags & (OPCODE | RD | CD) | broken.rcode
    return HEADER.pack(broken.id, flags, 0, 0, 0, 0)


def encode(query: Query, reply: Reply, *, room: int) -> bytes:
    """Return an answer of at most ``room`` octets (>= 512).

    It has the question as it was asked, and OPT if the question had. Owners that are the name
    which was asked for are spelled in its way. Where not all answers and authorities fit, TC is
    set and the answer has those that do (RFC 2181 section 9).
    """
    buffer = _started(query)
    room -= _OPT if query.edns else 0
    said = _fill(buffer, query, reply.answers, room)
    denied = _fill(buffer, query, reply.authorities, room)
    cut = said < len(reply.answers) or denied < len(reply.authorities)
    more = 0 if cut else _fill(buffer, query, reply.others, room)
    if query.edns:
        _append_opt(buffer, query.edns.flags & DO, reply.rcode)
        more += 1
    flags = _flags(query, reply) | (TC if cut else 0)
    return HEADER.pack(query.id, flags, 1, said, denied, more) + bytes(buffer.data[HEADER.size :])


def _flags(query: Query, reply: Reply) -> int:
    flags = QR | query.flags & (RD | CD) | reply.rcode & 0xF
    flags |= AA if reply.authoritative else 0
    flags |= RA if reply.recursion else 0
    return flags | (TC if reply.cut else 0)


def _started(query: Query) -> DNSBuffer:
    """Return a buffer with the question in it, the names of which are known to be there."""
    buffer = DNSBuffer()
    buffer.append(bytes(HEADER.size))
    buffer.names = _Near()
    buffer.encode_name(DNSLabel(query.name))
    buffer.append(query.question[-4:])
    return buffer


def _fill(buffer: DNSBuffer, query: Query, records: Iterable[Record], room: int) -> int:
    """Append records until there is no room; return how many."""
    number, asked = 0, folded(query.name)
    for record in records:
        before = buffer.offset
        owner = query.name if folded(record.name) == asked else record.name
        _append(buffer, owner, record)
        if buffer.offset > room:
            _back(buffer, before)
            break
        number += 1
    return number


def _append(buffer: DNSBuffer, owner: Name, record: Record) -> None:
    data = _data(record.data)
    dns.RR(DNSLabel(owner), record.type, 1, record.ttl, data).pack(buffer)


def _back(buffer: DNSBuffer, offset: int) -> None:
    del buffer.data[offset:]
    buffer.offset = offset
    for labels in [labels for labels, where in buffer.names.items() if where >= offset]:
        del buffer.names[labels]


def _data(data: Data) -> dns.RD:
    if isinstance(data, bytes):
        return dns.RD(data)
    if isinstance(data, Service):
        return dns.SRV(data.priority, data.weight, data.port, DNSLabel(data.target))
    if isinstance(data, Authority):
        times = (data.serial, data.refresh, data.retry, data.expire, data.negative)
        return dns.SOA(DNSLabel(data.server), DNSLabel(data.mailbox), times)
    return dns.PTR(DNSLabel(data))


def _append_opt(buffer: DNSBuffer, flags: int, rcode: int) -> None:
    # RFC 6891 section 6.1.2: root, type, how much we take, the code's upper bits, version 0, flags
    buffer.pack("!BHHBBHH", 0, OPT, MOST, rcode >> 4, 0, flags, 0)


def encodable(record: Record) -> bool:
    """Tell whether a record of others can be written: names are names, data is not too long."""
    data = record.data
    if isinstance(data, bytes):
        return fits(record.name) and len(data) <= LARGEST
    if isinstance(data, Service):
        return fits(record.name) and fits(data.target)
    if isinstance(data, Authority):
        return all(map(fits, (record.name, data.server, data.mailbox)))
    return fits(record.name) and fits(data)
