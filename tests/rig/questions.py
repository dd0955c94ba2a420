"""DNS packets as clients send them, octet by octet, and a zone for them to ask about."""

from __future__ import annotations

from struct import pack
from typing import Any

from dnslib import DNSRecord

from opencoderouter.announce.dns.answer import Answer, Refuse, Rules, decide
from opencoderouter.announce.dns.zone import Zone, zone
from opencoderouter.core.announcement import Announcement, Service

TYPES = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33,
    "HTTPS": 65, "IXFR": 251, "AXFR": 252, "ANY": 255, "TYPE65280": 65280,
}  # fmt: skip
RD = 0x0100
DOMAIN = "dev.example.test"
APP = Service("_opencode._tcp", "app-alice", 8080, (("project", "app"), ("owner", "alice")), "app")
WEB = Service("_opencode._tcp", "web-alice", 8080, (("project", "web"),), "web")
ROUTER = Service("_opencode-router._tcp", "ocr-alice-box", 8080, (("owner", "alice"),))
TOLD = Announcement(frozenset({APP, WEB, ROUTER}), ("192.168.1.5", "10.0.0.5", "fd00::5"))
ZONE = zone(TOLD, 7, domain=DOMAIN, claims_local=False)
NONE = Rules()


def labels(name: str) -> bytes:
    """Return a name as it stands in a packet."""
    parts = [part.encode() for part in name.split(".") if part]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def opt(size: int = 1232, *, version: int = 0, flags: int = 0, data: bytes = b"") -> bytes:
    """Return an OPT record (RFC 6891 section 6.1.2)."""
    return pack("!BHHBBHH", 0, 41, size, 0, version, flags, len(data)) + data


def ask(
    name: str, kind: str | int = "A", *, flags: int = RD, klass: int = 1, edns: bytes = b""
) -> bytes:
    """Return a query, id 0x1234."""
    type_ = kind if isinstance(kind, int) else TYPES[kind]
    header = pack("!HHHHHH", 0x1234, flags, 1, 0, 0, 1 if edns else 0)
    return header + labels(name) + pack("!HH", type_, klass) + edns


def read(wire: bytes) -> Any:  # noqa: ANN401 - dnslib has no types
    """Return an answer as dnslib understands it."""
    return DNSRecord.parse(wire)


def answered(packet: bytes, *, of: Zone = ZONE, rules: Rules = NONE, tcp: bool = False) -> bytes:
    """Return the octets that a packet is answered with."""
    decision = decide(packet, of, rules, tcp=tcp)
    assert isinstance(decision, Answer | Refuse), decision
    return decision.wire


def shown(records: Any) -> list[str]:  # noqa: ANN401 - dnslib has no types
    """Return records on a line each: owner, type, data."""
    return [f"{one.rname} {one.rtype} {one.rdata}" for one in records if one.rtype != 41]
