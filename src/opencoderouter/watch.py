"""The one concurrency primitive of our own: a value that many can follow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Watch(Generic[T]):
    """A value with one writer and any number of followers, all on one event loop.

    A follower gets the newest value and may skip those in between; it never holds the writer up.
    """

    def __init__(self, value: T) -> None:
        self._value = value
        self._changed = asyncio.Event()  # a new one for each value: setting it wakes all followers

    @property
    def value(self) -> T:
        """Return the newest value."""
        return self._value

    def set(self, value: T) -> None:
        """Publish ``value``, unless it is the very object that is there already."""
        if value is self._value:
            return
        self._value = value
        self._changed.set()
        self._changed = asyncio.Event()

    async def follow(self) -> AsyncIterator[T]:
        """Yield the value of now, then the newest one after each change, for ever."""
        while True:
            # Taken together: a change while the follower works leaves an event that is set.
            value, changed = self._value, self._changed
            yield value
            await changed.wait()
