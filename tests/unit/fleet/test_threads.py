"""Calls that block, and how they are broken off."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from opencoderouter.fleet.threads import Threads


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Make two threads, and end them."""
    made = Threads(2, "test")
    yield made
    made.end()


async def test_results_and_errors(threads: Threads) -> None:
    """What the call returns or raises comes back."""
    assert await threads.call(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await threads.call(lambda: 1 // 0)


async def test_cancelling_breaks_it_off(threads: Threads) -> None:
    """``abort`` is called, in another thread than that of the event loop."""
    begun, over, aborters = threading.Event(), threading.Event(), list[threading.Thread]()

    def work() -> None:
        begun.set()
        over.wait()

    def abort() -> None:
        aborters.append(threading.current_thread())
        over.set()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(threads.call(work, abort))
        await asyncio.to_thread(begun.wait)
        task.cancel()
    await asyncio.to_thread(over.wait)
    assert aborters[0] is not threading.current_thread()


@pytest.mark.parametrize("late", [True, False])
async def test_what_comes_too_late_is_discarded(threads: Threads, *, late: bool) -> None:
    """What was made for somebody who has gone is not forgotten."""
    begun, go, discarded = threading.Event(), threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        go.wait()
        return "it"

    def discard(one: str) -> None:
        assert one == "it"
        discarded.set()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(threads.make(work, discard, lambda: go.set() if late else None))
        await asyncio.to_thread(begun.wait)
        if not late:
            go.set()
        task.cancel()
    await asyncio.to_thread(discarded.wait)
    assert task.cancelled()


async def test_what_has_not_begun_never_does(threads: Threads) -> None:
    """A call that waits for a thread is only forgotten."""
    go, calls = threading.Event(), list[int]()
    async with asyncio.TaskGroup() as group:
        full = [group.create_task(threads.call(go.wait)) for _ in range(2)]
        third = group.create_task(threads.call(lambda: calls.append(3), lambda: calls.append(-3)))
        await asyncio.sleep(0)
        third.cancel()
        await asyncio.sleep(0)
        go.set()
        del full
    assert not calls
