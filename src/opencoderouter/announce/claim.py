"""What is claimed for a service, in records, and whether others contradict it (RFC 6762)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from zeroconf import ServiceInfo
from zeroconf._dns import DNSAddress, DNSQuestion, DNSRecord, DNSService, DNSText
from zeroconf._protocol.outgoing import DNSOutgoing

from opencoderouter.core.announcement import Service

_QUERY, _ANSWER = 0, 0x8400  # flags: a question; a response with authority
_IN, _UNIQUE = 1, 0x8000  # of a question, the second asks for an answer by unicast
_A, _TXT, _AAAA, _SRV, _ANY = 1, 16, 28, 33, 255
_SRV_HEAD = struct.Struct("!HHH")  # priority, weight, port
_STRING = 255  # octets of one string of a TXT record
_HEADER, _RESPONSE = 12, 0x80  # octets of a packet's header; the first bit after its id
_LABEL = 63  # octets

Rdata = tuple[int, int, bytes]  # class, type and uncompressed data, as RFC 6762 8.2 compares them
_CONTRADICTS = ((_A, _AAAA), (_SRV,))  # types that only one may have, at the host, at the instance


@dataclass(frozen=True, slots=True)
class Claim:
    """A service at some addresses, under names that nobody else may have."""

    service: Service
    addresses: tuple[str, ...]

    @property
    def host(self) -> str:
        """Return the name that has the addresses, with a dot at its end."""
        return f"{self.service.host}."

    @property
    def instance(self) -> str:
        """Return the name that has the port and the TXT record."""
        return f"{self.service.label}.{self.service.kind}.local."

    def info(self) -> ServiceInfo:
        """Return what zeroconf registers."""
        return ServiceInfo(
            f"{self.service.kind}.local.",
            self.instance,
            port=self.service.port,
            properties=dict(_pair(key, value) for key, value in self.service.txt),
            server=self.host,
            parsed_addresses=list(self.addresses),
        )

    def proposed(self) -> dict[str, frozenset[Rdata]]:
        """Return the records that only we may have, by name in lower case."""
        info = self.info()
        return {
            self.host.lower(): frozenset(map(rdata, info.dns_addresses())),
            self.instance.lower(): frozenset((rdata(info.dns_service()), rdata(info.dns_text()))),
        }

    def probe(self, *, unicast: bool) -> DNSOutgoing:
        """Return the question whether anybody has one of the names (RFC 6762 section 8.1)."""
        out, info = DNSOutgoing(_QUERY), self.info()
        for name in (self.host, self.instance):
            out.add_question(DNSQuestion(name, _ANY, _IN | (_UNIQUE if unicast else 0)))
        # (zeroconf's own probe has a PTR record here, which says nothing about the host.)
        proposed = cast("list[DNSRecord]", out.authorities)
        for address in info.dns_addresses():
            proposed.append(
                DNSAddress(self.host, address.type, _IN, info.host_ttl, address.address)
            )
        proposed.append(
            DNSService(self.instance, _SRV, _IN, info.host_ttl, 0, 0, info.port or 0, self.host)
        )
        proposed.append(DNSText(self.instance, _TXT, _IN, info.other_ttl, info.text))
        return out

    def contradicted(self, name: str, record: Rdata) -> bool:
        """Tell whether such a record of somebody else takes one of our names away."""
        names = (self.host.lower(), self.instance.lower())
        return any(
            name == own and record[1] in types
            for own, types in zip(names, _CONTRADICTS, strict=True)
        )


def rdata(record: DNSRecord) -> Rdata:
    """Return what tells one record of a name from another."""
    if isinstance(record, DNSAddress):
        data = record.address
    elif isinstance(record, DNSService):
        head = _SRV_HEAD.pack(record.priority, record.weight, record.port)
        data = head + _wire(record.server)
    else:
        data = record.text if isinstance(record, DNSText) else b""
    return record.class_, record.type, data


def yields(ours: Iterable[Rdata], theirs: Iterable[Rdata]) -> bool:
    """Tell whether of two that probe at the same time we are to wait (RFC 6762 section 8.2)."""
    return sorted(ours) < sorted(theirs)


def answer(records: Iterable[DNSRecord]) -> DNSOutgoing:
    """Return a response with these records."""
    out = DNSOutgoing(_ANSWER)
    for record in records:
        out.add_answer_at_time(record, 0)
    return out


def asks_any(data: bytes) -> bool:
    """Tell whether a packet may be a question for all records of a name, as probes are."""
    return len(data) > _HEADER and not data[2] & _RESPONSE and b"\0\xff" in data


def _pair(key: str, value: str) -> tuple[str, bytes]:
    return key, value.encode("utf-8", "replace")[: _STRING - len(key) - 1]


def _wire(name: str) -> bytes:
    """Return a name as it is without compression, in lower case."""
    labels = [one.encode("utf-8", "replace") for one in name.lower().rstrip(".").split(".")]
    return b"".join(bytes((min(len(one), _LABEL),)) + one for one in labels) + b"\0"
