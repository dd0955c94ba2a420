"""One attempt at a time, of which all who wait for it share what comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")
F = TypeVar("F")


class Attempts(Generic[T, F]):
    """Makes a ``T`` when there is none; an ``F`` says why there was none made.

    Who is cancelled while it makes one lets the next in line try.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._number = 0
        self._at = 0.0
        self._failure: F | None = None

    async def result(
        self,
        current: Callable[[], T | None],
        make: Callable[[], Awaitable[tuple[T, None] | tuple[None, F]]],
    ) -> tuple[T, None] | tuple[None, F]:
        """Return what there is, else what is made: a failure is that of all who came before it."""
        came = self._number
        async with self._lock:
            if (there := current()) is not None:
                return there, None
            if self._number > came and self._failure is not None:
                return None, self._failure
            made = await make()
            self._number += 1
            self._at, self._failure = _now(), made[1]
            return made

    def recent(self, seconds: float) -> F | None:
        """Return the failure of the last attempt if it is no older than that."""
        return self._failure if _now() - self._at < seconds else None


def _now() -> float:
    return asyncio.get_running_loop().time()
