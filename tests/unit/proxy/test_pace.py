"""Buckets: how many tokens there are, for whom, and that they do not fill the memory."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.proxy.pace import _MOST, Buckets

FAR = "192.0.2.7"
START = 123_456.75


def taken(buckets: Buckets, origin: str, now: float, *, more: int = 1) -> int:
    """Return how many tokens an origin gets at once."""
    count = 0
    while not buckets.take(origin, now, more=more):
        count += 1
    return count


@pytest.mark.parametrize("rate", [1, 3, 50, 1_000])
@pytest.mark.parametrize("more", [1, 10])
def test_a_bucket(rate: int, more: int) -> None:
    """Two seconds' worth may come at once; then so many a second; an empty one fills in two."""
    buckets = Buckets(rate)
    assert taken(buckets, FAR, START, more=more) == 2 * rate * more
    assert taken(buckets, FAR, START + 1, more=more) == rate * more
    assert taken(buckets, FAR, START + 1, more=more) == 0
    assert taken(buckets, FAR, START + 1000, more=more) == 2 * rate * more


def test_the_wait_is_enough() -> None:
    """Who waits as long as he is told gets a token, and not before."""
    buckets = Buckets(4)
    taken(buckets, FAR, START)
    wait = buckets.take(FAR, START)
    assert wait == pytest.approx(0.25)
    assert buckets.take(FAR, START + wait / 2) > 0
    assert buckets.take(FAR, START + wait) == 0


def test_origins_have_their_own() -> None:
    """Nobody empties the bucket of another one; an IPv6 network has one."""
    buckets = Buckets(1)
    for origin in (FAR, "127.0.0.1#1001", "127.0.0.1#1002", "2001:db8::1", ""):
        assert taken(buckets, origin, START) == 2
    assert taken(buckets, "2001:db8::2:3", START) == 0


def test_no_limit() -> None:
    """At an infinite rate everybody gets what he wants."""
    buckets = Buckets(math.inf)
    assert not any(buckets.take(FAR, START) for _ in range(1000))


def test_origins_do_not_fill_the_memory() -> None:
    """Of too many origins the one that has asked longest ago is forgotten, no other."""
    buckets = Buckets(1)
    taken(buckets, "198.51.100.1", START)
    taken(buckets, FAR, START)
    for number in range(_MOST + 50):
        buckets.take(f"10.0.{number // 256}.{number % 256}", START)
        assert buckets.take(FAR, START) > 0
    assert len(buckets) == _MOST
    assert taken(buckets, "198.51.100.1", START) == 2


@given(st.integers(1, 20), st.lists(st.floats(0, 3), max_size=200))
def test_no_more_than_the_rate(rate: int, pauses: list[float]) -> None:
    """In any stretch of time nobody gets more than its worth and a burst."""
    buckets, now, got = Buckets(rate), START, [START]
    for pause in pauses:
        now += pause
        if not buckets.take(FAR, now):
            got.append(now)
    for begin in range(1, len(got)):
        assert len(got) - begin <= 2 * rate + rate * (got[-1] - got[begin]) + 0.01
