"""What the server is authoritative for: the announced names, in ``local.`` and in another zone.

Names of services as in RFC 6763. Addresses are in the order of the announcement, the same for
every client: clients sort them themselves, those of their own network first (RFC 6724). Reverse
names (``in-addr.arpa``) are not ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from opencoderouter.announce.dns.records import (
    AAAA,
    LOCAL,
    NS,
    PTR,
    SOA,
    SRV,
    TXT,
    A,
    Authority,
    Data,
    Name,
    Record,
    Service,
    folded,
    name,
)
from opencoderouter.core import announcement
from opencoderouter.core.announcement import Announcement

TTL = 10  # seconds; RFC 8766 section 5.5.1: what changes without notice is not kept longer
NEGATIVE = 5  # a project that has just come must not be missing for long
_REFRESH, _RETRY, _EXPIRE = 3600, 600, 86400  # for secondaries; nobody may transfer the zone
_SERIALS = 1 << 32
_SERVICES = name("_services._dns-sd._udp")  # RFC 6763 section 9
_BROWSING = tuple(name(f"{kind}._dns-sd._udp") for kind in ("b", "lb"))  # section 11

Sets = Mapping[int, tuple[Record, ...]]  # of one name, by type


@dataclass(frozen=True, slots=True)
class Zone:
    """All records by name (``folded``). A name without any is there, with names below it."""

    announcement: Announcement
    apex: Name | None  # of the ordinary zone
    serial: int
    claims_local: bool
    names: Mapping[Name, Sets] = field(repr=False, compare=False)
    denials: Mapping[Name, Record] = field(repr=False, compare=False)  # apex -> SOA

    def apex_of(self, asked: Name) -> Name | None:
        """Return the apex of the zone that a name, ``folded``, lies in; None: in neither."""
        if asked[-1:] == LOCAL:
            return LOCAL
        if self.apex and asked[-len(self.apex) :] == self.apex:
            return self.apex
        return None

    def additional(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield what whoever gets ``records`` asks for next (RFC 6763 section 12).

        Services first, then addresses; all of it may be left out of an answer.
        """
        instances = [r.data for r in records if r.type == PTR and isinstance(r.data, tuple)]
        services = [r for one in instances for r in self._all(one, SRV, TXT)]
        targets = [_target(r.data) for r in (*records, *services) if r.type in (SRV, NS)]
        yield from services
        for target in targets:
            yield from self._all(target, A, AAAA)

    def _all(self, of: Name, *types: int) -> Iterator[Record]:
        sets = self.names.get(folded(of), {})
        for type_ in types:
            yield from sets.get(type_, ())


def zone(told: Announcement, serial: int, *, domain: str | None, claims_local: bool) -> Zone:
    """Return the zone of an announcement.

    ``domain`` is the ordinary zone, such as ``dev.example.test``. With ``claims_local`` there is
    an SOA record of ``local.`` to be had, which is how a client with nss-mdns finds out that it is
    to ask DNS for all of ``local.``. ``serial`` is taken modulo 2**32.
    """
    apex, serial = folded(name(domain)) if domain else None, serial % _SERIALS
    denials = {
        LOCAL: _authority(LOCAL, serial, LOCAL, name("nobody.invalid"))
    }  # RFC 6303 section 3
    records = list(_records(told, LOCAL))
    if claims_local:
        records.append(denials[LOCAL])
    if apex:
        denials[apex] = _authority(apex, serial, (b"ns", *apex), (b"hostmaster", *apex))
        records += [denials[apex], *_ordinary(told, apex), *_records(told, apex)]
    return Zone(told, apex, serial, claims_local, _index(records, denials), denials)


def successor(now: Zone, told: Announcement) -> Zone:
    """Return the zone of a newer announcement, with a higher serial; ``now`` if nothing changed."""
    if told == now.announcement:
        return now
    domain = b".".join(now.apex).decode() if now.apex else None
    return zone(told, now.serial + 1, domain=domain, claims_local=now.claims_local)


def _records(told: Announcement, apex: Name) -> Iterator[Record]:
    kinds = {service.kind for service in told.services}
    for kind in sorted(kinds):
        yield Record((*_SERVICES, *apex), PTR, TTL, (*name(kind), *apex))
    for service in sorted(told.services, key=lambda one: (one.kind, one.label)):
        yield from _instance(service, apex)
        yield from _addresses((service.label.encode(), *apex), told)


def _instance(service: announcement.Service, apex: Name) -> Iterator[Record]:
    kind, host = (*name(service.kind), *apex), (service.label.encode(), *apex)
    instance = (service.label.encode(), *kind)
    yield Record(kind, PTR, TTL, instance)
    yield Record(instance, SRV, TTL, Service(service.port, host))
    yield Record(instance, TXT, TTL, _strings(service.txt))


def _strings(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Return RDATA of TXT: one string for each pair, and at least one (RFC 6763 section 6.1)."""
    strings = [f"{key}={value}".encode("utf-8", "replace")[:255] for key, value in pairs]
    return b"".join(bytes([len(one)]) + one for one in strings) or b"\0"


def _addresses(host: Name, told: Announcement) -> Iterator[Record]:
    for address in map(ip_address, told.addresses):
        if address.version == 6 and address.is_link_local:  # noqa: PLR2004 - its zone cannot be told
            continue
        yield Record(host, A if address.version == 4 else AAAA, TTL, address.packed)  # noqa: PLR2004


def _ordinary(told: Announcement, apex: Name) -> Iterator[Record]:
    """Yield what only the ordinary zone has: its server, and that it is one to browse."""
    server = (b"ns", *apex)
    yield Record(apex, NS, TTL, server)
    yield from _addresses(server, told)
    for browsing in _BROWSING:
        yield Record((*browsing, *apex), PTR, TTL, apex)


def _authority(apex: Name, serial: int, server: Name, mailbox: Name) -> Record:
    times = (_REFRESH, _RETRY, _EXPIRE, NEGATIVE)
    # RFC 2308 section 3: what is kept is the lesser of the record's TTL and its last field.
    return Record(apex, SOA, NEGATIVE, Authority(server, mailbox, serial, *times))


def _index(records: Iterable[Record], apexes: Iterable[Name]) -> Mapping[Name, Sets]:
    names: dict[Name, dict[int, tuple[Record, ...]]] = {apex: {} for apex in apexes}
    for record in records:
        labels = folded(record.name)
        while labels not in names:  # those between it and its apex are there, too (RFC 4592 2.2.2)
            names[labels] = {}
            labels = labels[1:]
        sets = names[folded(record.name)]
        sets[record.type] = (*sets.get(record.type, ()), record)
    return names


def _target(data: Data) -> Name:
    if isinstance(data, Service):
        return data.target
    return data if isinstance(data, tuple) else ()
