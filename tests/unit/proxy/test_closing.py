"""Work that ends when the router stops."""

from __future__ import annotations

import asyncio

import pytest

from opencoderouter.proxy.closing import unless


async def test_work_ends_by_itself() -> None:
    """Work that is done in time is whole."""
    closing, done = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        done.set()

    assert await unless(closing, work())
    assert done.is_set()


@pytest.mark.parametrize("before", [True, False])
async def test_closing_cuts_it_short(before: bool) -> None:  # noqa: FBT001
    """Work that would last is cancelled, also when the router was stopping already."""
    closing = asyncio.Event()

    async def work() -> None:
        closing.set()
        await asyncio.Event().wait()

    if before:
        closing.set()
    assert not await unless(closing, work())


async def test_cancelling_reaches_the_work() -> None:
    """Who gives up takes the work along."""
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(unless(asyncio.Event(), work()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()
    assert ended.is_set()
