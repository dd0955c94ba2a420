"""A watched value: nobody misses the newest, nobody holds up the writer."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from typing import TypeVar

import pytest

from opencoderouter.watch import Watch

T = TypeVar("T")
pytestmark = pytest.mark.timeout(10)


async def turns(number: int = 5) -> None:
    """Let everybody else run as far as they can."""
    for _ in range(number):
        await asyncio.sleep(0)


async def step(follower: AsyncIterator[T]) -> T:
    """Return a follower's next value: ``anext`` as a coroutine, for a task."""
    return await anext(follower)


async def collect(watch: Watch[int], seen: list[int], last: int) -> None:
    """Keep what a follower sees, up to the last value."""
    async for value in watch.follow():
        seen.append(value)
        if value == last:
            return


def test_value() -> None:
    """The newest value can be read at any time, without an event loop."""
    watch = Watch(1)
    watch.set(2)
    assert watch.value == 2


async def test_now_and_then() -> None:
    """A follower gets the value of now, then each one that it has the time for."""
    watch, seen = Watch(0), list[int]()
    async with asyncio.TaskGroup() as group:
        group.create_task(collect(watch, seen, 2), name="follower")
        for value in (1, 2):
            await turns()
            watch.set(value)
    assert seen == [0, 1, 2]


async def test_middle_is_skipped() -> None:
    """A follower that was busy gets the newest value only."""
    watch = Watch(0)
    follower = watch.follow()
    assert await anext(follower) == 0
    for value in (1, 2, 3):
        watch.set(value)
    assert await anext(follower) == 3


async def test_there_and_back() -> None:
    """A value that changed and changed back is a change like any other."""
    first, second = object(), object()
    watch = Watch(first)
    follower = watch.follow()
    await anext(follower)
    watch.set(second)
    watch.set(first)
    assert await anext(follower) is first


async def test_same_object() -> None:
    """Setting the very value that is there wakes nobody; an equal one does."""
    value = [1]
    watch = Watch(value)
    follower = watch.follow()
    await anext(follower)
    async with asyncio.TaskGroup() as group:
        waits = group.create_task(step(follower), name="waits")
        await turns()
        watch.set(value)
        await turns()
        assert not waits.done()
        watch.set([1])
    assert waits.result() is not value


async def test_many_followers() -> None:
    """Every follower sees the last value, however slow the others are."""
    watch, seen = Watch(0), [list[int]() for _ in range(50)]
    async with asyncio.TaskGroup() as group:
        for number, mine in enumerate(seen):
            group.create_task(collect(watch, mine, 9), name=f"follower {number}")
        for value in range(1, 10):
            await turns(value % 3)
            watch.set(value)
    assert all(mine[-1] == 9 and mine == sorted(set(mine)) for mine in seen)


async def test_slow_follower_holds_nobody_up() -> None:
    """A follower that never comes back delays neither the writer nor the others."""
    watch, seen = Watch(0), list[int]()
    stuck = watch.follow()
    await anext(stuck)
    async with asyncio.TaskGroup() as group:
        group.create_task(collect(watch, seen, 1), name="follower")
        await turns()
        watch.set(1)
    assert seen == [0, 1]


async def test_set_inside_a_follower() -> None:
    """A follower that sets the value sees what it set, and so do the others."""
    watch, seen, other = Watch(0), list[int](), list[int]()

    async def count() -> None:
        async for value in watch.follow():
            seen.append(value)
            if value == 3:
                return
            watch.set(value + 1)

    async with asyncio.TaskGroup() as group:
        group.create_task(collect(watch, other, 3), name="other")
        group.create_task(count(), name="counter")
    assert seen == [0, 1, 2, 3]
    assert other[-1] == 3


async def test_cancelled_follower() -> None:
    """A follower that is cancelled while it waits takes no other with it."""
    watch, seen = Watch(0), list[int]()
    async with asyncio.TaskGroup() as group:
        group.create_task(collect(watch, seen, 1), name="stays")
        leaves = group.create_task(collect(watch, [], 1), name="leaves")
        await turns()
        leaves.cancel()
        await turns()
        watch.set(1)
    assert leaves.cancelled()
    assert seen == [0, 1]


async def test_cancelled_as_it_is_woken() -> None:
    """A change and a cancellation in one instant lose the change for nobody else."""
    watch, seen = Watch(0), list[int]()
    async with asyncio.TaskGroup() as group:
        leaves = group.create_task(collect(watch, [], 1), name="leaves")
        group.create_task(collect(watch, seen, 1), name="stays")
        await turns()
        watch.set(1)
        leaves.cancel()
    assert seen == [0, 1]


async def test_nothing_is_kept() -> None:
    """Followers that left, and values that were replaced, are forgotten."""

    class Value:
        """Something to point at weakly."""

    watch = Watch(Value())
    old = weakref.ref(watch.value)
    for _ in range(3):
        async with asyncio.TaskGroup() as group:
            follower = watch.follow()
            await anext(follower)
            waits = group.create_task(step(follower), name="waits")
            await turns()
            waits.cancel()
        left = weakref.ref(follower)
        del follower, waits
        gc.collect()
        assert left() is None
    watch.set(Value())
    gc.collect()
    assert old() is None


def test_one_loop_after_another() -> None:
    """A watch made before the loop, or followed by an earlier one, works in the next."""
    watch, seen = Watch(0), list[int]()
    asyncio.run(collect(watch, seen, 0))
    watch.set(1)
    asyncio.run(collect(watch, seen, 1))
    assert seen == [0, 1]
