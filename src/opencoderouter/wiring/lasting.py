"""Services that the router can do without for a while: one that fails is begun again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)
_FIRST, _LAST = 1.0, 60.0  # seconds until it is begun again; twice as long each time


async def lasting(name: str, run: Callable[[], Awaitable[None]], *, first: float = _FIRST) -> None:
    """Run a service until cancelled. What it raises is logged, and ends nothing else."""
    pause = first
    while True:
        try:
            await run()
        except Exception:  # noqa: BLE001 - whatever it is, it is only about names
            _log.exception("failed service=%s", name)
            _end_if_cancelled()
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LAST)


def _end_if_cancelled() -> None:
    """Raise CancelledError if that was asked for: a group that fails as it ends keeps it back."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
