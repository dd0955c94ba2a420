"""What the records of a service say, with a cache that is filled by hand."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zeroconf import current_time_millis
from zeroconf._cache import DNSCache
from zeroconf._dns import DNSAddress, DNSRecord, DNSService, DNSText

from opencoderouter.announce.hearing import Records, strings
from opencoderouter.core.announcement import PROJECT, Announcement
from opencoderouter.core.peers import MOST_ADDRESSES, Heard, peers

NAME = f"shop-bob.{PROJECT}.local."
HOST = "shop-bob.local."
_IN, _FLUSH = 1, 0x8001


def srv(port: int = 8080, host: str = HOST, created: float = 0, ttl: int = 120) -> DNSRecord:
    """Return where the service is."""
    return DNSService(NAME, 33, _FLUSH, ttl, 0, 0, port, host, _time(created))


def txt(*texts: bytes, created: float = 0, ttl: int = 120) -> DNSRecord:
    """Return what is told of it."""
    octets = b"".join(bytes([len(text)]) + text for text in texts)
    return DNSText(NAME, 16, _FLUSH, ttl, octets, _time(created))


def at(address: str, host: str = HOST, ttl: int = 120) -> DNSRecord:
    """Return an address of its host."""
    packed = ip_address(address)
    kind = 1 if packed.version == 4 else 28
    return DNSAddress(host, kind, _IN, ttl, packed.packed, created=_time(0))


def _time(seconds: float) -> float:
    return current_time_millis() + 1000 * seconds


def said(*records: DNSRecord) -> Heard | None:
    """Return what these records say of the service."""
    cache = DNSCache()
    cache.async_add_records(records)
    return Records(cache).service(PROJECT, NAME)


def test_all_that_is_told() -> None:
    """Host and port, addresses of both families, and TXT as pairs."""
    records = [srv(), txt(b"owner=bob", b"flag", b"a=b=c"), at("192.0.2.7"), at("2001:db8::7")]
    assert said(*records) == Heard(
        PROJECT,
        "shop-bob",
        "shop-bob.local",
        8080,
        ("192.0.2.7", "2001:db8::7"),
        (("owner", "bob"), ("flag", ""), ("a", "b=c")),
    )


@pytest.mark.parametrize(
    "records",
    [
        [txt(), at("192.0.2.7")],
        [srv(), at("192.0.2.7")],
        [srv(), txt()],
        [srv(), txt(), at("192.0.2.7", "other.local.")],
        [srv(ttl=0), txt(), at("192.0.2.7")],
        [srv(), txt(ttl=0), at("192.0.2.7")],
        [srv(), txt(), at("192.0.2.7", ttl=0)],
    ],
)
def test_what_is_not_known(records: list[DNSRecord]) -> None:
    """Without one of the records, or when it has expired, nothing is said."""
    assert said(*records) is None


def test_no_address_can_be_slipped_in() -> None:
    """Of records that contradict each other the newest counts, and all addresses are told."""
    extra = srv(9999, "evil.local.", created=-5)
    found = said(
        extra,
        srv(),
        txt(b"v=2"),
        txt(b"v=1", created=-5),
        at("192.0.2.7"),
        at("192.0.2.66", "evil.local."),
    )
    assert found is not None
    assert (found.host, found.port, found.txt) == ("shop-bob.local", 8080, (("v", "2"),))
    assert found.addresses == ("192.0.2.66", "192.0.2.7")


def test_too_many_addresses() -> None:
    """They are not all looked at, but so many that nobody uses the service."""
    many = [at(f"10.0.{n // 256}.{n % 256}") for n in range(1000)]
    found = said(srv(), txt(), *many)
    assert found is not None
    assert len(found.addresses) == MOST_ADDRESSES + 1
    assert peers([found], Announcement(), ()) == ()


@given(st.binary(max_size=600))
def test_any_octets(text: bytes) -> None:
    """Whatever a TXT record is, it is taken apart: a string that is cut off, too."""
    assert all(isinstance(part, str) for pair in strings(text) for part in pair)


def test_a_long_text() -> None:
    """Its beginning is looked at."""
    assert len(strings(b"\x00" * 9000)) == 32
    assert len(strings((b"\xff" + b"x" * 255) * 100)) == 16
