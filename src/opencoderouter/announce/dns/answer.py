"""What becomes of a packet: a pure function of its octets, the zone and the rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from opencoderouter.announce.dns import query as codes
from opencoderouter.announce.dns.codec import LARGEST, Reply, encodable, encode, header_only
from opencoderouter.announce.dns.query import RD, Broken, Query, parse
from opencoderouter.announce.dns.records import (
    AAAA,
    ANY,
    AXFR,
    IXFR,
    LOCAL,
    PTR,
    SRV,
    TXT,
    A,
    Heard,
    Record,
    Silence,
    folded,
    text,
)
from opencoderouter.announce.dns.zone import TTL, Sets, Zone

# What the network can be asked for. Browsers ask for HTTPS with each name, and nobody has it.
_BRIDGED = frozenset({A, AAAA, PTR, SRV, TXT})


class Kind(Enum):
    """What an answer is, for the limit of how many there are."""

    ANSWER = "answer"
    DENIAL = "denial"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the server can do beside its own zones."""

    bridge: bool = False
    forward: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Octets to send. ``lasting``: true of the very same question as long as the zone is."""

    wire: bytes
    kind: Kind
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """Octets that say that others are to be asked; not more than the query had."""

    wire: bytes


@dataclass(frozen=True, slots=True)
class Bridge:
    """Ask the network for ``name`` (no dot at its end) and ``type``; then see ``bridged``."""

    name: str
    type: int
    query: Query
    room: int


@dataclass(frozen=True, slots=True)
class Forward:
    """Ask another DNS server; the answer may have ``room`` octets."""

    query: Query
    room: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Say nothing: it is an answer itself, or less than a header."""


Decision = Answer | Refuse | Bridge | Forward | Drop


def decide(packet: bytes, zone: Zone, rules: Rules, *, tcp: bool) -> Decision:
    """Return what to do with a packet. Nothing raises.

    Over UDP an answer has at most the octets that the client takes, and never more than 1232;
    what is no valid question is answered by less than was sent, or not at all.
    """
    query = parse(packet)
    if query is None:
        return Drop()
    if isinstance(query, Broken):
        return Answer(header_only(query), Kind.ERROR)
    room = LARGEST if tcp else query.room
    if query.edns and query.edns.version:
        return _error(query, codes.BADVERS)
    if query.klass != codes.IN or query.type in (AXFR, IXFR):
        return refused(query)
    return _decide(query, zone, rules, room)


def _decide(query: Query, zone: Zone, rules: Rules, room: int) -> Decision:
    asked = folded(query.name)
    apex = zone.apex_of(asked)
    if apex is None:
        forward = rules.forward and query.flags & RD
        return Forward(query, room) if forward else refused(query)
    sets = zone.names.get(asked)
    if sets is None and apex == LOCAL and rules.bridge:
        return _bridge(query, zone, room)
    return _own(query, sets, zone, rules, room)


def _own(query: Query, sets: Sets | None, zone: Zone, rules: Rules, room: int) -> Answer:
    found = _pick(sets, query.type) if sets else ()
    reply = Reply(authoritative=True, recursion=rules.forward)
    if found:
        reply = replace(reply, answers=found, others=_distinct(zone.additional(found), found))
    else:
        rcode = codes.NXDOMAIN if sets is None else codes.NOERROR
        reply = replace(reply, rcode=rcode, authorities=_denial(query, zone))
    kind = Kind.ANSWER if found else Kind.DENIAL
    # There is no end of names that do not exist: they would drive the others out.
    return Answer(encode(query, reply, room=room), kind, lasting=sets is not None)


def _pick(sets: Sets, type_: int) -> tuple[Record, ...]:
    if type_ != ANY:
        return sets.get(type_, ())
    return next(iter(sets.values()), ())  # RFC 8482 section 4.1: one set is enough


def _distinct(records: Iterable[Record], known: tuple[Record, ...]) -> Iterable[Record]:
    return (record for record in records if record not in known)


def _denial(query: Query, zone: Zone) -> tuple[Record, ...]:
    apex = zone.apex_of(folded(query.name))
    return (zone.denials[apex],) if apex else ()


def _bridge(query: Query, zone: Zone, room: int) -> Decision:
    type_ = A if query.type == ANY else query.type
    if type_ not in _BRIDGED:
        wire = encode(query, Reply(authorities=_denial(query, zone)), room=room)
        return Answer(wire, Kind.DENIAL)
    name = text(query.name)
    if name is None:
        return _error(query, codes.SERVFAIL)
    return Bridge(name, type_, query, room)


def bridged(asked: Bridge, heard: Heard, zone: Zone, rules: Rules) -> Answer:
    """Return the answer for what the network said; we are no authority for it.

    Nothing is to be kept longer than ``TTL``, and what could not be written is left out.
    """
    if heard is Silence.BUSY:
        return _error(asked.query, codes.SERVFAIL)
    records = heard if isinstance(heard, tuple) else ()
    usable = [_capped(record) for record in records if encodable(record)]
    name = folded(asked.query.name)
    found = tuple(r for r in usable if r.type == asked.type and folded(r.name) == name)
    reply = Reply(answers=found, recursion=rules.forward)
    if found:
        reply = replace(reply, others=_distinct(usable, found))
    else:
        rcode = codes.NXDOMAIN if heard is Silence.NOBODY else codes.NOERROR
        reply = replace(reply, rcode=rcode, authorities=_denial(asked.query, zone))
    kind = Kind.ANSWER if found else Kind.DENIAL
    return Answer(encode(asked.query, reply, room=asked.room), kind)


def refused(query: Query) -> Refuse:
    """Return the answer to a question that others are to be asked."""
    return Refuse(encode(query, Reply(codes.REFUSED), room=query.room))


def refusal(packet: bytes) -> bytes | None:
    """Return the answer for a client that may not ask: not more octets than it sent."""
    return _short(packet, Reply(rcode=codes.REFUSED))


def failure(query: Query) -> bytes:
    """Return the answer for when it cannot be found out: SERVFAIL, as long as the question."""
    return _error(query, codes.SERVFAIL).wire


def cut(packet: bytes) -> bytes | None:
    """Return the answer that lets a client ask again over TCP: not more octets than it sent."""
    return _short(packet, Reply(cut=True))


def _short(packet: bytes, reply: Reply) -> bytes | None:
    query = parse(packet)
    if isinstance(query, Query):
        return encode(query, reply, room=query.room)
    return header_only(query) if query else None


def _capped(record: Record) -> Record:
    return replace(record, ttl=max(0, min(record.ttl, TTL)))


def _error(query: Query, rcode: int) -> Answer:
    return Answer(encode(query, Reply(rcode), room=query.room), Kind.ERROR)
