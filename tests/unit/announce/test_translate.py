"""What of the network's records is passed on by DNS."""

from __future__ import annotations

from ipaddress import ip_address
from types import SimpleNamespace
from typing import cast

import pytest
from zeroconf import Zeroconf, current_time_millis
from zeroconf._cache import DNSCache
from zeroconf._dns import (
    DNSAddress,
    DNSNsec,
    DNSPointer,
    DNSRecord,
    DNSService,
    DNSText,
)

from opencoderouter.announce.dns.records import (
    AAAA,
    PTR,
    SRV,
    TXT,
    A,
    Record,
    Service,
    Silence,
    name,
)
from opencoderouter.announce.translate import entries, heard, is_denied, spelled

IN = 1
HOST = "printer.local."
INSTANCE = "My Printer No. 2._ipp._tcp.local."


def address(text: str, *, of: str = HOST, ttl: int = 120) -> DNSAddress:
    """Return an address record."""
    packed = ip_address(text).packed
    return DNSAddress(of, A if len(packed) == 4 else AAAA, IN, ttl, packed)


def network(*records: DNSRecord) -> Zeroconf:
    """Return a stack that has heard these."""
    cache = DNSCache()
    cache.async_add_records(records)
    return cast("Zeroconf", SimpleNamespace(cache=cache))


def told(zeroconf: Zeroconf, of: str, kind: int) -> object:
    """Return what is passed on."""
    return heard(zeroconf, list(entries(zeroconf, of)), kind)


def test_addresses() -> None:
    """Addresses are passed on with a short life, whatever the network says."""
    stack = network(address("192.0.2.1"), address("2001:db8::1", ttl=3))
    assert told(stack, HOST, A) == (Record(name(HOST), A, 10, ip_address("192.0.2.1").packed),)
    (other,) = cast("tuple[Record, ...]", told(stack, HOST, AAAA))
    assert other.ttl <= 3


@pytest.mark.parametrize("text", ["fe80::1", "::ffff:192.0.2.1", "::1", "::", "ff02::1"])
def test_useless_ipv6_addresses(text: str) -> None:
    """What means nothing elsewhere is left out; the name is there all the same."""
    assert told(network(address(text)), HOST, AAAA) == ()


@pytest.mark.parametrize("text", ["127.0.0.1", "0.0.0.0", "224.0.0.1"])
def test_useless_ipv4_addresses(text: str) -> None:
    """Nobody on the network can lead a client to its own machine."""
    assert told(network(address(text)), HOST, A) == ()


def test_nobody_has_the_name() -> None:
    """That is something else than a name without such a record; what has expired is nothing."""
    assert told(network(), HOST, A) is Silence.NOBODY
    assert told(network(address("192.0.2.1")), HOST, TXT) == ()
    old = DNSAddress(HOST, A, IN, 1, b"\xc0\0\2\1", created=current_time_millis() - 2000)
    assert told(network(old), HOST, A) is Silence.NOBODY


def test_services() -> None:
    """The first label of an instance may have dots; what is asked for next comes along."""
    service = DNSService(INSTANCE, SRV, IN, 120, 1, 2, 631, HOST)
    text = DNSText(INSTANCE, TXT, IN, 120, b"\x04rp=q")
    pointer = DNSPointer("_ipp._tcp.local.", PTR, IN, 120, INSTANCE)
    stack = network(pointer, service, text, address("192.0.2.1"))
    labels = (b"My Printer No. 2", b"_ipp", b"_tcp", b"local")
    one = Record(labels, SRV, 10, Service(631, name(HOST), 1, 2))
    other = Record(labels, TXT, 10, b"\x04rp=q")
    first = Record(name("_ipp._tcp.local"), PTR, 10, labels)
    assert told(stack, "_ipp._tcp.local.", PTR) == (first, one, other)
    assert told(stack, INSTANCE, TXT) == (other,)
    assert cast("tuple[Record, ...]", told(stack, INSTANCE, SRV))[1].type == A


def test_denials() -> None:
    """A host says by NSEC which types it has; without NSEC it has said nothing."""
    denial = DNSNsec(HOST, 47, IN, 120, HOST, [A])
    assert is_denied([denial], AAAA)
    assert not is_denied([denial], A)
    assert not is_denied([address("192.0.2.1")], AAAA)


def test_bounds() -> None:
    """However many records there are, an answer has so many only."""
    many = [DNSPointer("_x._tcp.local.", PTR, IN, 120, f"n{n}._x._tcp.local.") for n in range(999)]
    assert len(cast("tuple[Record, ...]", told(network(*many), "_x._tcp.local.", PTR))) == 128


def test_spelling() -> None:
    """The owner is spelled as it was asked for, other names as they are."""
    records = (Record(name(HOST), A, 1, b""), Record(name("x.local"), A, 1, b""))
    assert [one.name for one in spelled(records, "PrinTer.local")] == [
        (b"PrinTer", b"local"),
        name("x.local"),
    ]
