"""Claims as records: what is proposed, what contradicts it, and who yields."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zeroconf._dns import DNSAddress, DNSNsec, DNSService
from zeroconf._protocol.incoming import DNSIncoming

from opencoderouter.announce.claim import Claim, Rdata, answer, asks_any, rdata, yields
from opencoderouter.core.announcement import PROJECT, Service

TXT = (("project", "shöp"), ("path", "/srv/shop"))
CLAIM = Claim(Service(PROJECT, "shop-alice", 8080, TXT, "shop"), ("192.0.2.1", "2001:db8::1"))
HOST, INSTANCE = "shop-alice.local.", "shop-alice._opencode._tcp.local."
A, AAAA, SRV, ANY = 1, 28, 33, 255
OURS = socket.inet_aton("192.0.2.1")


def address(text: str, ttl: int = 120) -> Rdata:
    """Return an A record's data."""
    return rdata(DNSAddress(HOST, A, 0x8001, ttl, socket.inet_aton(text)))


def sent(claim: Claim, *, unicast: bool = True) -> DNSIncoming:
    """Return a claim's probe as somebody else reads it."""
    (packet,) = claim.probe(unicast=unicast).packets()
    return DNSIncoming(packet)


def test_info() -> None:
    """Host, instance, port, addresses and TXT in UTF-8 are what zeroconf registers."""
    info = CLAIM.info()
    assert (info.name, info.server, info.port) == (INSTANCE, HOST, 8080)
    assert info.parsed_addresses() == ["192.0.2.1", "2001:db8::1"]
    assert info.text == b"\rproject=sh\xc3\xb6p\x0epath=/srv/shop"


def test_text_is_cut_at_255_octets() -> None:
    """A string of a TXT record has no room for more; what is no text becomes a question mark."""
    txt = (("path", "é" * 400), ("odd", "\udcff"))
    info = Claim(Service(PROJECT, "a", 1, txt), ("192.0.2.1",)).info()
    assert info.text[0] == 255
    assert info.text[256:] == b"\x05odd=?"


def test_a_missing_family_is_denied() -> None:
    """With IPv4 alone, NSEC says that there is nothing but A; with both there is no NSEC."""
    only = Claim(CLAIM.service, ("192.0.2.1",)).info().get_address_and_nsec_records()
    assert [one.rdtypes for one in only if isinstance(one, DNSNsec)] == [[A]]
    both = CLAIM.info().get_address_and_nsec_records()
    assert not [one for one in both if isinstance(one, DNSNsec)]


@pytest.mark.parametrize("unicast", [True, False])
def test_probe(*, unicast: bool) -> None:
    """A probe asks for all records of both names, and has ours as authority, without flush bit."""
    probe = sent(CLAIM, unicast=unicast)
    assert probe.is_query()
    assert probe.num_authorities == 4
    asked = [(one.name, one.type, one.unicast) for one in probe.questions]
    assert asked == [(HOST, ANY, unicast), (INSTANCE, ANY, unicast)]
    assert not [one for one in probe.answers() if one.unique]
    proposed: dict[str, set[Rdata]] = {}
    for record in probe.answers():
        proposed.setdefault(record.key, set()).add(rdata(record))
    assert proposed == CLAIM.proposed()


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        (HOST, A, True),
        (HOST, AAAA, True),
        (HOST, SRV, False),
        (INSTANCE, SRV, True),
        (INSTANCE, A, False),
        ("_opencode._tcp.local.", 12, False),
    ],
)
def test_contradicted(name: str, kind: int, expected: bool) -> None:  # noqa: FBT001 - a table
    """Addresses of the host and the place of the instance are ours alone."""
    assert CLAIM.contradicted(name, (1, kind, b"")) is expected


def test_rdata_is_the_same_however_it_is_said() -> None:
    """The flush bit, the time to live and the case of a name make no other record."""
    assert address("192.0.2.1", 120) == address("192.0.2.1", 0) == (1, A, OURS)
    one = DNSService(INSTANCE, SRV, 1, 120, 0, 0, 8080, HOST)
    other = DNSService(INSTANCE.upper(), SRV, 0x8001, 9, 0, 0, 8080, HOST.upper())
    assert rdata(one) == rdata(other) == (1, SRV, b"\0\0\0\0\x1f\x90\nshop-alice\x05local\0")


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        # RFC 6762 section 8.2
        (["169.254.99.200"], ["169.254.200.50"], True),
        (["169.254.200.50"], ["169.254.99.200"], False),
        (["192.0.2.1"], ["192.0.2.1"], False),
        (["192.0.2.1"], ["192.0.2.1", "192.0.2.2"], True),
        (["192.0.2.1", "192.0.2.9"], ["192.0.2.2"], True),
    ],
)
def test_yields(ours: list[str], theirs: list[str], expected: bool) -> None:  # noqa: FBT001 - a table
    """Octets are compared without sign, the lowest records first; who has more comes later."""
    assert yields(map(address, ours), map(address, theirs)) is expected


RECORDS = st.frozensets(st.tuples(st.just(1), st.sampled_from([1, 16, 28, 33]), st.binary()))


@given(RECORDS, RECORDS)
def test_of_two_exactly_one_yields(ours: frozenset[Rdata], theirs: frozenset[Rdata]) -> None:
    """Unless they say the same, each of two sides comes to the same end."""
    assert yields(ours, theirs) + yields(theirs, ours) == (ours != theirs)


def test_asks_any() -> None:
    """A probe is looked at; an answer is not, nor what is too short to be either."""
    (probe,) = CLAIM.probe(unicast=True).packets()
    assert asks_any(probe)
    (told,) = answer(CLAIM.info().dns_addresses()).packets()
    assert not asks_any(told)
    assert not asks_any(b"\0\xff")
    assert not asks_any(b"")


@given(st.binary(min_size=11, max_size=80))
def test_no_packet_raises(data: bytes) -> None:
    """Anything may come from the network."""
    packet = data[:2] + b"\0" + data[2:] + b"\0\xff"
    assert asks_any(packet)
    message = DNSIncoming(packet)
    assert all(isinstance(rdata(one)[2], bytes) for one in message.answers())
