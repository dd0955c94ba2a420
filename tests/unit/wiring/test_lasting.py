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
    assert [one.getMessage() for one in caplog.records] == ["failed service=some again=0s"]
    assert "of the test" in caplog.text
