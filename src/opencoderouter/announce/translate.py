"""Records as zeroconf has them in its cache, turned into those that DNS passes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address, ip_address

from zeroconf import Zeroconf, current_time_millis
from zeroconf._dns import (
    DNSAddress,
    DNSNsec,
    DNSPointer,
    DNSRecord,
    DNSService,
    DNSText,
)

from opencoderouter.announce.dns import records
from opencoderouter.announce.dns.records import (
    AAAA,
    SRV,
    TXT,
    A,
    Data,
    Heard,
    Name,
    Record,
    Service,
    Silence,
)

TTL = 10  # seconds; RFC 8766 section 5.5.1: the network tells changes, DNS does not
_LONGEST = 128  # records of one answer
_IN = 1


def entries(zeroconf: Zeroconf, name: str) -> Iterator[DNSRecord]:
    """Yield what is known of a name and holds."""
    now = current_time_millis()
    found = zeroconf.cache.async_entries_with_name(name)
    return (entry for entry in found if entry.class_ == _IN and not entry.is_expired(now))


def is_denied(known: Iterable[DNSRecord], kind: int) -> bool:
    """Tell whether the host has said that it has no such record (RFC 6762 section 6.1)."""
    denials = [entry for entry in known if isinstance(entry, DNSNsec)]
    return bool(denials) and all(kind not in entry.rdtypes for entry in denials)


def heard(zeroconf: Zeroconf, known: list[DNSRecord], kind: int) -> Heard:
    """Return what is known of a name as the answer to a question for one type."""
    if not known:
        return Silence.NOBODY
    wanted = [entry for entry in known if entry.type == kind][:_LONGEST]
    helping = [more for entry in wanted for more in _helping(zeroconf, entry)][:_LONGEST]
    return tuple(record for entry in (*wanted, *helping) if (record := _record(entry)))


def _helping(zeroconf: Zeroconf, entry: DNSRecord) -> list[DNSRecord]:
    """Return what is asked for next (RFC 6763 section 12)."""
    if isinstance(entry, DNSPointer):
        return [one for one in entries(zeroconf, entry.alias) if one.type in (SRV, TXT)]
    if isinstance(entry, DNSService):
        return [one for one in entries(zeroconf, entry.server) if one.type in (A, AAAA)]
    return []


def _record(entry: DNSRecord) -> Record | None:
    """Return a record as DNS has it; None for one that is not passed on."""
    data = _data(entry)
    if data is None:
        return None
    left = int(entry.get_remaining_ttl(current_time_millis()))
    return Record(_labels(entry.name), entry.type, max(1, min(left, TTL)), data)


def _data(entry: DNSRecord) -> Data | None:
    if isinstance(entry, DNSAddress):
        return entry.address if _is_elsewhere(entry.address) else None
    if isinstance(entry, DNSPointer):
        return _labels(entry.alias)
    if isinstance(entry, DNSService):
        return Service(entry.port, _labels(entry.server), entry.priority, entry.weight)
    if isinstance(entry, DNSText):
        return entry.text
    return None


def _is_elsewhere(octets: bytes) -> bool:
    """Tell whether an address can be another machine's, for whoever is told it."""
    address = ip_address(octets)
    if isinstance(address, IPv6Address) and (address.is_link_local or address.ipv4_mapped):
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast)


def _labels(text: str) -> Name:
    """Return the labels of a name. Of an instance, the first may have dots in it (RFC 6763 4.3)."""
    stem, mark, rest = text.partition("._")
    if mark and not text.startswith("_"):
        return (stem.encode(), *records.name(f"_{rest}"))
    return records.name(text)


def spelled(told: Iterable[Record], name: str) -> Iterator[Record]:
    """Yield records with those of ``name`` under that very name."""
    asked = records.name(name)
    folded = records.folded(asked)
    for record in told:
        own = records.folded(record.name) == folded
        yield Record(asked, record.type, record.ttl, record.data) if own else record
