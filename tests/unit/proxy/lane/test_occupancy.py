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


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8:0:0:ffff::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%lo", "fe80::2", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_who_is_one(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    """An IPv6 /64 counts as one address; every IPv4 address for itself."""
    limits = replace(FEW, per_address=1)
    found = [_collide(one, other, limits) for _ in range(3)]  # by chance in one of 16384 only
    assert all(found) if same else not all(found)


def _collide(one: str, other: str, limits: Limits) -> bool:
    counts = Occupancy.create(1)
    assert counts.enter(one, limits) is None
    return counts.enter(other, limits) == "per_address"


def test_a_cell_is_never_too_small() -> None:
    """As many connections as one process can count from one address are counted, no more."""
    counts = Occupancy.create(1)
    limits = Limits(connections=100_000, per_address=100_000)
    entered = Counter(counts.enter(HOME, limits) for _ in range(65_540))
    assert entered == {None: 65_535, "per_address": 5}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.booleans())))
def test_no_count_is_lost(steps: list[tuple[int, int, bool]]) -> None:
    """Whatever comes and goes where: the sum is right, and at the end all is zero again."""
    processes = rows(4)
    inside: list[tuple[Occupancy, str]] = []
    for row, address, comes in steps:
        name = f"198.51.100.{address}"
        if comes and processes[row].enter(name, Limits()) is None:
            inside.append((processes[row], name))
        elif (processes[row], name) in inside:
            processes[row].leave(name)
            inside.remove((processes[row], name))
        assert processes[0].connections == len(inside)
    for one, name in inside:
        one.leave(name)
    full = Limits(connections=1, per_address=1)
    for address in range(21):
        assert processes[0].enter(f"198.51.100.{address}", full) is None
        processes[0].leave(f"198.51.100.{address}")


def test_the_descriptor_is_not_inherited() -> None:
    """Only who is handed the descriptor has it."""
    assert not os.get_inheritable(Occupancy.create(1).fileno())
