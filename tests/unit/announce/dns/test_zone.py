"""The zone of an announcement: which records there are, and which names."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from tests.rig.questions import APP, DOMAIN, ROUTER, TOLD, WEB, ZONE

from opencoderouter.announce.dns.records import (
    AAAA,
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
    name,
)
from opencoderouter.announce.dns.zone import NEGATIVE, TTL, successor, zone
from opencoderouter.core.announcement import Announcement

BOTH = pytest.mark.parametrize("apex", ["local", DOMAIN])


def data(of: str, kind: int) -> list[Data]:
    """Return the data of all records of a name and type."""
    return [record.data for record in ZONE.names[name(of)].get(kind, ())]


def addresses(*texts: str) -> list[bytes]:
    """Return addresses as RDATA."""
    return [ip_address(text).packed for text in texts]


@BOTH
def test_hosts(apex: str) -> None:
    """Each label is a host with all addresses, in their order."""
    for label in ("app-alice", "web-alice", "ocr-alice-box"):
        assert data(f"{label}.{apex}", A) == addresses("192.168.1.5", "10.0.0.5")
        assert data(f"{label}.{apex}", AAAA) == addresses("fd00::5")


def test_link_local_addresses_are_left_out() -> None:
    """Nothing in DNS says which link is meant; IPv4 has such addresses without a zone."""
    told = replace(TOLD, addresses=("169.254.1.5", "fe80::5"))
    hosts = zone(told, 1, domain=None, claims_local=False).names[name("app-alice.local")]
    assert [record.data for record in hosts[A]] == addresses("169.254.1.5")
    assert AAAA not in hosts


@BOTH
def test_services(apex: str) -> None:
    """A client finds types, instances, hosts, ports and texts (RFC 6763)."""
    kinds = [name(f"_opencode-router._tcp.{apex}"), name(f"_opencode._tcp.{apex}")]
    assert data(f"_services._dns-sd._udp.{apex}", PTR) == kinds
    instances = [name(f"{label}._opencode._tcp.{apex}") for label in ("app-alice", "web-alice")]
    assert data(f"_opencode._tcp.{apex}", PTR) == instances
    instance = f"app-alice._opencode._tcp.{apex}"
    assert data(instance, SRV) == [Service(8080, name(f"app-alice.{apex}"))]
    assert data(instance, TXT) == [b"\x0bproject=app\x0bowner=alice"]


def test_empty_text() -> None:
    """A service without facts has one empty string: no TXT record may be empty."""
    bare = Announcement(frozenset({replace(APP, txt=())}), TOLD.addresses)
    names = zone(bare, 1, domain=None, claims_local=False).names
    assert names[name("app-alice._opencode._tcp.local")][TXT][0].data == b"\0"


def test_ordinary() -> None:
    """The ordinary zone has a server with addresses, SOA, and says that it is to be browsed."""
    server = name(f"ns.{DOMAIN}")
    assert data(DOMAIN, NS) == [server]
    assert data(f"ns.{DOMAIN}", A) == addresses("192.168.1.5", "10.0.0.5")
    (authority,) = data(DOMAIN, SOA)
    assert isinstance(authority, Authority)
    assert (authority.server, authority.serial) == (server, 7)
    for kind in ("b", "lb"):
        assert data(f"{kind}._dns-sd._udp.{DOMAIN}", PTR) == [name(DOMAIN)]


def test_local_is_not_claimed() -> None:
    """``local.`` is there, without SOA: a client with nss-mdns would ask us for all of it."""
    assert ZONE.names[name("local")] == {}
    assert name("ns.local") not in ZONE.names


def test_local_is_claimed() -> None:
    """With the option there is one."""
    claimed = zone(TOLD, 7, domain=None, claims_local=True)
    assert claimed.names[name("local")][SOA] == (claimed.denials[name("local")],)


def test_names_between() -> None:
    """Names without records of their own are there, when others are below them (RFC 4592)."""
    for between in ("_tcp.local", "_udp.local", "_dns-sd._udp.local", f"_tcp.{DOMAIN}"):
        assert ZONE.names[name(between)] == {}
    for above in ("example.test", "test", ""):
        assert name(above) not in ZONE.names


@pytest.mark.parametrize(
    ("asked", "apex"),
    [
        ("local", "local"),
        ("a.b.local", "local"),
        (DOMAIN, DOMAIN),
        (f"x.{DOMAIN}", DOMAIN),
        ("example.test", None),
        ("xdev.example.test", None),
        ("notlocal", None),
        ("local.test", None),
        ("", None),
    ],
)
def test_apex(asked: str, apex: str | None) -> None:
    """A name is in a zone by its last labels, not by its last letters."""
    assert ZONE.apex_of(name(asked)) == (name(apex) if apex else None)


def test_without_domain() -> None:
    """Without an ordinary zone nothing but ``local.`` is ours."""
    alone = zone(TOLD, 1, domain=None, claims_local=False)
    assert alone.apex_of(name(DOMAIN)) is None
    assert list(alone.denials) == [name("local")]
    assert all(labels[-1] == b"local" for labels in alone.names)


def test_nothing_told() -> None:
    """Without services the zones are there, and empty."""
    empty = zone(Announcement(), 1, domain=DOMAIN, claims_local=False)
    assert not empty.names[name("local")]
    assert set(empty.names[name(DOMAIN)]) == {SOA, NS}


def kinds(records: list[Record]) -> list[tuple[Name, int]]:
    """Return whose records they are, and of which type."""
    return [(record.name, record.type) for record in records]


def test_additional_of_type() -> None:
    """Whoever browses gets ports, texts and addresses, too."""
    found = kinds(list(ZONE.additional(ZONE.names[name("_opencode._tcp.local")][PTR])))
    app, web = name("app-alice._opencode._tcp.local"), name("web-alice._opencode._tcp.local")
    assert found[:4] == [(app, SRV), (app, TXT), (web, SRV), (web, TXT)]
    hosts = [
        (name(f"{label}-alice.local"), kind) for label in ("app", "web") for kind in (A, A, AAAA)
    ]
    assert found[4:] == hosts


def test_additional_of_others() -> None:
    """Services and servers bring addresses, addresses nothing."""
    service = ZONE.names[name("app-alice._opencode._tcp.local")]
    host = name("app-alice.local")
    assert kinds(list(ZONE.additional(service[SRV]))) == [(host, A), (host, A), (host, AAAA)]
    assert not list(ZONE.additional(service[TXT]))
    assert not list(ZONE.additional(ZONE.names[host][A]))
    server = name(f"ns.{DOMAIN}")
    found = kinds(list(ZONE.additional(ZONE.names[name(DOMAIN)][NS])))
    assert found == [(server, A), (server, A), (server, AAAA)]


def test_additional_of_kinds() -> None:
    """Whoever asks which types there are is told the types only."""
    found = ZONE.names[name("_services._dns-sd._udp.local")][PTR]
    assert not list(ZONE.additional(found))


def test_successor() -> None:
    """A change makes a new zone with a higher serial, of the same kind."""
    less = Announcement(frozenset({WEB, ROUTER}), TOLD.addresses)
    newer = successor(ZONE, less)
    assert newer.serial == 8
    assert (newer.apex, newer.claims_local) == (ZONE.apex, ZONE.claims_local)
    assert name("app-alice.local") not in newer.names
    assert name(f"web-alice.{DOMAIN}") in newer.names


def test_no_successor() -> None:
    """Without a change it is the same zone."""
    assert successor(ZONE, Announcement(TOLD.services, TOLD.addresses)) is ZONE


def test_serial_turns() -> None:
    """Serials have 32 bits (RFC 1982)."""
    last = zone(TOLD, (1 << 32) - 1, domain=None, claims_local=False)
    assert successor(last, Announcement()).serial == 0


def test_times() -> None:
    """Nothing is kept for long: the network does not tell DNS of changes."""
    records = [r for sets in ZONE.names.values() for some in sets.values() for r in some]
    assert {record.ttl for record in records} == {TTL, NEGATIVE}
    assert all(record.ttl == NEGATIVE for record in ZONE.denials.values())
