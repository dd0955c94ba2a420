"""The lag of the loop."""

from __future__ import annotations

import asyncio

from opencoderouter.core.histogram import Histogram
from opencoderouter.proxy.lane.lag import watch_lag


class Heard(Histogram):
    """Tells when it is told."""

    def __init__(self) -> None:
        super().__init__((0.04,))
        self.told = asyncio.Event()

    def observe(self, value: float) -> None:
        """Count, and tell."""
        super().observe(value)
        self.told.set()


async def test_a_loop_that_is_held_up_is_late() -> None:
    """While the loop stands still its lag grows; what it does not count is the pause itself."""
    lag = Heard()
    loop = asyncio.get_running_loop()
    began, pause = loop.time(), 0.05
    async with asyncio.TaskGroup() as group:
        service = group.create_task(watch_lag(lag, pause), name="lag")
        await asyncio.sleep(0)
        until = loop.time() + 0.2
        while loop.time() < until:  # what must never be done on a loop
            pass
        await lag.told.wait()
        service.cancel()
    assert lag.snapshot().counts[1] == 1
    assert 0.1 < lag.snapshot().total <= loop.time() - began - pause
