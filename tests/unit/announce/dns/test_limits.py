"""Who may ask, and how often."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_network

import pytest

from opencoderouter.announce.dns.answer import Kind
from opencoderouter.announce.dns.limits import Buckets, Guest, Guests, Limit, Verdict, network_of

ANSWER, DENIAL, ERROR = Kind.ANSWER, Kind.DENIAL, Kind.ERROR


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("10.255.0.1", True),
        ("172.16.0.1", True),
        ("172.31.255.255", True),
        ("192.168.0.1", True),
        ("169.254.1.1", True),
        ("fe80::1%eth0", True),
        ("fe80::1", True),
        ("fd12::1", True),
        ("172.32.0.1", False),
        ("192.169.0.1", False),
        ("8.8.8.8", False),
        ("198.18.0.1", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("2001:db8::1", False),
        ("fec0::1", False),
        ("::ffff:8.8.8.8", False),
    ],
)
def test_private(address: str, allowed: bool) -> None:  # noqa: FBT001 - a table
    """Clients of private networks may ask, others may not."""
    assert Guests().of(address).allowed is allowed


def test_allow() -> None:
    """Networks can be added, of both families."""
    guests = Guests((ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))
    assert guests.of("192.0.2.9").allowed
    assert guests.of("2001:db8:1::1").allowed
    assert not guests.of("192.0.3.1").allowed
    assert guests.of("10.0.0.1").allowed


def test_guest() -> None:
    """Only loopback is exempt; others count with their network."""
    guests = Guests()
    assert guests.of("::1").exempt
    assert guests.of("127.0.0.1").exempt
    assert guests.of("192.168.1.77") == Guest(allowed=True, exempt=False, network="192.168.1.0/24")
    assert guests.of("fd00:1:2:3ff::1").network == "fd00:1:2:300::/56"


def test_remembers_few() -> None:
    """Senders that are made up do not fill the memory; nobody is taken for another."""
    guests = Guests()
    for number in range(10_000):
        assert guests.of(f"10.0.{number >> 8}.{number & 255}").network == f"10.0.{number >> 8}.0/24"
    assert not guests.of("8.8.8.8").allowed


def sent(limit: Limit, network: str, kind: Kind, times: list[float]) -> Counter[Verdict]:
    """Return how many answers were sent, cut and dropped at these times."""
    return Counter(limit.judge(network, kind, now) for now in times)


@pytest.mark.parametrize(("kind", "rate"), [(ANSWER, 200), (DENIAL, 100), (ERROR, 20)])
def test_burst(kind: Kind, rate: int) -> None:
    """Twice a second's worth comes at once; of what is above each second one is an empty answer."""
    found = sent(Limit(), "n", kind, [5.0] * (rate * 2 + 100))
    assert found == {Verdict.SEND: rate * 2, Verdict.CUT: 50, Verdict.DROP: 50}


def test_rate() -> None:
    """In the long run there are as many answers as a second may have, whatever is asked."""
    times = [n / 1000 for n in range(20_000)]
    assert sent(Limit(), "n", ANSWER, times)[Verdict.SEND] == pytest.approx(200 * 22, rel=0.01)


def test_below_the_rate() -> None:
    """Who asks less often is never cut."""
    times = [n / 199 for n in range(5_000)]
    assert set(sent(Limit(), "n", ANSWER, times)) == {Verdict.SEND}


def test_apart() -> None:
    """One network does not use up what is another's, one kind not what is another kind's."""
    limit = Limit()
    sent(limit, "n", ERROR, [0.0] * 1000)
    assert limit.judge("n", ANSWER, 0.0) is Verdict.SEND
    assert limit.judge("m", ERROR, 0.0) is Verdict.SEND


def test_bounded() -> None:
    """Networks that are made up do not fill the memory; who has just asked is not forgotten."""
    buckets = Buckets(2.0)
    for number in range(10_000):
        buckets.take(f"n{number}", 20, 0.0)
        buckets.take("busy", 20, 0.0)
    assert len(buckets) <= 4096
    assert not buckets.take("busy", 20, 0.0)


def test_clock_stands() -> None:
    """A clock that starts anywhere will do."""
    assert Limit().judge("n", ANSWER, -1e9) is Verdict.SEND


def test_network_of() -> None:
    """Clients are counted with what one household has, whichever interface they are at."""
    assert network_of("192.0.2.9") == network_of("192.0.2.200") == "192.0.2.0/24"
    assert network_of("fe80::1%eth0") == "fe80::/56"
