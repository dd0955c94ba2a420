"""Services that are begun again."""

from __future__ import annotations

import asyncio

import pytest

from opencoderouter.wiring.lasting import lasting


async def test_what_fails_is_begun_again(caplog: pytest.LogCaptureFixture) -> None:
    """Failures are logged, and do not get out; a service that merely ends is begun again, too."""
    began: list[int] = []
    enough = asyncio.Event()

    async def run() -> None:
        began.append(len(began))
        if len(began) == 1:
            raise ValueError("of the test")
        if len(began) == 3:
            enough.set()
            await asyncio.Event().wait()

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = group.create_task(lasting("some", run, first=0.0))
        await enough.wait()
        running.cancel()
    assert [one.getMessage() for one in caplog.records] == ["failed service=some"]
    assert "of the test" in caplog.text


async def test_what_fails_while_it_ends_is_not_begun_again() -> None:
    """The word to end counts, whatever becomes of it: a group raises what its tasks have raised."""
    began: list[str] = []

    async def fail() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("of the test")

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            began.append("once")
            running.set()

    running = asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as services:
        task = services.create_task(lasting("some", run, first=0.0))
        await running.wait()
        task.cancel()
    assert len(began) == 1
