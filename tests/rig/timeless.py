"""An event loop on which no time is spent waiting: when nothing can run, the clock jumps ahead."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")
EPOCH = 1_700_000_000.0  # a day in 2023


class _Selector(selectors.DefaultSelector):
    """Instead of waiting for the next timer, says that its time has come."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready now, after ``timeout`` seconds of the loop's time."""
        if timeout is None:
            msg = "nothing will ever happen here"
            raise AssertionError(msg)
        self.skipped += max(timeout, 0.0)
        return super().select(0)


class Timeless(asyncio.SelectorEventLoop):
    """For what waits for timers only: neither threads nor sockets take part in its time."""

    def __init__(self) -> None:
        self._skipping = _Selector()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Return the seconds that were skipped."""
        return self._skipping.skipped


def clock() -> float:
    """Return seconds since the epoch, by the loop that runs."""
    return EPOCH + asyncio.get_running_loop().time()


def run(main: Coroutine[object, object, T]) -> T:
    """Run to its end, at once."""
    with asyncio.Runner(loop_factory=Timeless) as runner:
        return runner.run(main)
