"""The one concurrency primitive of our own: a value that many can follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Watch(Generic[T]):
    """A value with one writer and any number of followers.

    A follower gets the newest value and may skip those in between; it never holds the writer up.
    """

    def __init__(self, value: T) -> None:
        self._value = value
        self._changed: asyncio.Future[None] | None = None

    @property
    def value(self) -> T:
        """Return the newest value."""
        return self._value

    def set(self, value: T) -> None:
        """Publish ``value``, unless it is the very object that is there already."""
        if value is self._value:
            return
        self._value = value
        changed, self._changed = self._changed, None
        if changed is not None and not changed.done():
            changed.set_result(None)

    async def follow(self) -> AsyncIterator[T]:
        """Yield the value of now, then the newest one after each change, for ever."""
        while True:
            value = self._value
            yield value
            while self._value is value:
                await self._wait()

    async def _wait(self) -> None:
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._changed)
