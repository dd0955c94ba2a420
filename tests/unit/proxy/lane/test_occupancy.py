"""Counts that hold for several processes: limits, rows, and what is left of the dead."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.occupancy import Occupancy

HOME = "127.0.0.1"
FEW = Limits(connections=5, per_address=3, websockets=2)


def rows(count: int) -> list[Occupancy]:
    """Return the counts as each of so many processes has them."""
    first = Occupancy.create(count)
    return [first, *(Occupancy.attach(os.dup(first.fileno()), row) for row in range(1, count))]


@pytest.mark.parametrize("count", [1, 2, 4, 64])
def test_limits_hold_for_all_processes_together(count: int) -> None:
    """Which process a connection comes to makes no difference to the limits."""
    processes = rows(count) * 5
    entered = [one.enter(HOME, FEW) for one in processes[:4]]
    assert entered == [None, None, None, "per_address"]
    others = [one.enter("192.0.2.1", FEW) for one in processes[:3]]
    assert others == [None, None, "connections"]
    assert {one.connections for one in processes} == {5}
    processes[0].leave(HOME)
    assert processes[1].enter(HOME, FEW) is None


def test_upgrades_have_a_limit_of_their_own() -> None:
    """So many are upgraded in all processes, and another one when one has ended."""
    one, other = rows(2)
    assert [one.upgrade(FEW), other.upgrade(FEW), one.upgrade(FEW)] == [True, True, False]
    assert one.websockets == other.websockets == 2
    one.downgrade()
    assert other.upgrade(FEW)


def test_the_dead_hold_nothing() -> None:
    """Who is cleared makes room for as many as he had, and the others keep theirs."""
    one, other = rows(2)
    for each in (one, other, other):
        assert each.enter(HOME, FEW) is None
    assert other.upgrade(FEW)
    one.clear(1)
    assert (one.connections, one.websockets) == (1, 0)
    assert [other.enter(HOME, FEW) for _ in range(3)] == [None, None, "per_address"]


def test_strangers_have_a_limit_of_their_own() -> None:
    """One address has so many strangers in all processes; who becomes known is none any more."""
    limits = replace(FEW, connections=100, per_address=100, unauthenticated=2)
    one, other = rows(2)
    entered = [each.enter(HOME, limits, stranger=HOME) for each in (one, other, one)]
    assert entered == [None, None, "unauthenticated"]
    assert one.enter("192.0.2.1", limits, stranger="192.0.2.1") is None
    assert one.enter(HOME, limits) is None
    other.known(HOME)
    assert one.enter(HOME, limits, stranger=HOME) is None
    assert other.enter(HOME, limits, stranger=HOME) == "unauthenticated"
    one.leave(HOME, stranger=HOME)
    assert other.enter(HOME, limits, stranger=HOME) is None
    assert one.connections == 5


def test_who_was_refused_is_not_counted() -> None:
    """A stranger that is turned away leaves all limits as they were."""
    limits = replace(FEW, per_address=2, unauthenticated=1)
    (counts,) = rows(1)
    assert counts.enter(HOME, limits, stranger=HOME) is None
    assert counts.enter(HOME, limits, stranger=HOME) == "unauthenticated"
    assert counts.connections == 1
    assert counts.enter(HOME, limits) is None
    assert counts.enter(HOME, limits, stranger=HOME) == "per_address"
    counts.leave(HOME)
    counts.known(HOME)
    assert counts.enter(HOME, limits, stranger=HOME) is None


def test_dead_strangers_hold_nothing() -> None:
    """Who is cleared makes room for as many strangers as he had."""
    limits = replace(FEW, unauthenticated=1)
    one, other = rows(2)
    assert other.enter(HOME, limits, stranger=HOME) is None
    one.clear(1)
    assert one.enter(HOME, limits, stranger=HOME) is None


def test_a_cell_is_never_too_small() -> None:
    """As many connections as one process can count from one address are counted, no more."""
    counts = Occupancy.create(1)
    limits = Limits(connections=100_000, per_address=100_000)
    entered = Counter(counts.enter(HOME, limits) for _ in range(65_540))
    assert entered == {None: 65_535, "per_address": 5}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.booleans(), st.booleans())))
def test_no_count_is_lost(steps: list[tuple[int, int, bool, bool]]) -> None:
    """Whatever comes and goes where: the sum is right, and at the end all is zero again."""
    processes = rows(4)
    inside: list[tuple[Occupancy, str, bool]] = []
    for row, address, comes, stranger in steps:
        one = (processes[row], f"198.51.100.{address}", stranger)
        if comes and one[0].enter(one[1], Limits(), stranger=one[1] if stranger else "") is None:
            inside.append(one)
        elif one in inside:
            one[0].leave(one[1], stranger=one[1] if stranger else "")
            inside.remove(one)
        assert processes[0].connections == len(inside)
    for counts, name, stranger in inside:
        if stranger:
            counts.known(name)
        counts.leave(name)
    full = Limits(connections=1, per_address=1, unauthenticated=1)
    for address in range(21):
        assert (
            processes[0].enter(f"198.51.100.{address}", full, stranger=f"198.51.100.{address}")
            is None
        )
        processes[0].leave(f"198.51.100.{address}", stranger=f"198.51.100.{address}")
