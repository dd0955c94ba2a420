"""One attempt, and those who wait for it."""

from __future__ import annotations

import asyncio

from opencoderouter.fleet.attempts import Attempts

Made = tuple[str, None] | tuple[None, str]


class Maker:
    """Makes what it is told to, when it is let."""

    def __init__(self, *results: Made) -> None:
        self.results = list(results)
        self.there: str | None = None
        self.count = 0
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.attempts = Attempts[str, str]()

    async def make(self) -> Made:
        """Make it."""
        self.count += 1
        self.begun.set()
        await self.go.wait()
        made = self.results.pop(0)
        self.there = made[0]
        return made

    async def ask(self) -> Made:
        """Return it, made or there."""
        return await self.attempts.result(lambda: self.there, self.make)


async def test_all_share_what_is_made() -> None:
    """One attempt serves everybody who asks."""
    maker = Maker(("it", None))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(maker.ask()) for _ in range(5)]
        await maker.begun.wait()
        maker.go.set()
    assert {task.result() for task in tasks} == {("it", None)}
    assert maker.count == 1


async def test_all_share_a_failure() -> None:
    """Who waits for an attempt does not make another; who comes later does."""
    maker = Maker((None, "no"), ("it", None))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(maker.ask()) for _ in range(5)]
        await maker.begun.wait()
        maker.go.set()
    assert {task.result() for task in tasks} == {(None, "no")}
    assert maker.attempts.recent(60) == "no"
    assert await maker.ask() == ("it", None)
    assert maker.count == 2
    assert maker.attempts.recent(60) is None


async def test_who_is_cancelled_leaves_it_to_the_next() -> None:
    """An attempt that is broken off is nobody's failure."""
    maker = Maker(("it", None))
    async with asyncio.TaskGroup() as group:
        first, second = (group.create_task(maker.ask()) for _ in range(2))
        await maker.begun.wait()
        first.cancel()
        maker.go.set()
    assert second.result() == ("it", None)
    assert maker.count == 2
