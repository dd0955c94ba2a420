"""What ends when the router stops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def unless(closing: asyncio.Event, work: Coroutine[Any, Any, object]) -> bool:
    """Do ``work``, which must not raise; False when ``closing`` was set and cut it short."""
    async with asyncio.TaskGroup() as group:
        main = group.create_task(work, name="until closing")
        stop = group.create_task(closing.wait(), name="closing")
        await asyncio.wait([main, stop], return_when=asyncio.FIRST_COMPLETED)
        main.cancel()
        stop.cancel()
    return not main.cancelled()
