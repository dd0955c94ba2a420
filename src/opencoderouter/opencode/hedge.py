"""Asking again, on a new connection, while an earlier question hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def hedged(ask: Callable[[], Coroutine[Any, Any, T]], *, every: float, most: int) -> T:
    """Return the first answer. Another ``ask`` starts ``every`` seconds, ``most`` in all.

    The others are cancelled, and have ended when this returns.
    """
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(), name="hedge 1")]
        while not (answered := await _first(asked, every if len(asked) < most else None)):
            asked.append(group.create_task(ask(), name=f"hedge {len(asked) + 1}"))
        for task in asked:
            task.cancel()
    return answered.result()


async def _first(tasks: list[asyncio.Task[T]], wait: float | None) -> asyncio.Task[T] | None:
    done, _ = await asyncio.wait(tasks, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
    return next(iter(done), None)
