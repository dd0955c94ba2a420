"""How late the event loop is: what it costs everybody when one of us takes too long."""

from __future__ import annotations

import asyncio

from opencoderouter.core.histogram import Histogram

_PAUSE = 1.0  # seconds


async def watch_lag(lag: Histogram, pause: float = _PAUSE) -> None:
    """Service: count, every ``pause`` seconds, how much later than that the loop came back."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + pause
        await asyncio.sleep(pause)
        lag.observe(max(0.0, loop.time() - due))
