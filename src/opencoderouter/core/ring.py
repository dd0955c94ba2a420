"""The last few changes, numbered, for whoever comes back and asks what was missed."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Ring(Generic[T]):
    """The newest ``size`` items. The first one ever pushed has number 1."""

    def __init__(self, size: int) -> None:
        self._items: deque[T] = deque(maxlen=size)
        self._last = 0

    def __repr__(self) -> str:
        """Return which numbers are kept."""
        return f"<Ring {self._last - len(self._items) + 1}..{self._last}>"

    @property
    def last(self) -> int:
        """Return the number of the newest item, 0 before the first."""
        return self._last

    def push(self, item: T) -> int:
        """Keep ``item``, drop the oldest one when full; return its number."""
        self._items.append(item)
        self._last += 1
        return self._last

    def after(self, number: int) -> list[tuple[int, T]] | None:
        """Return the numbered items newer than ``number``, oldest first.

        None when some of them are gone, or when ``number`` is one that was never given.
        """
        first = self._last - len(self._items) + 1
        if not first - 1 <= number <= self._last:
            return None
        return [(n, i) for n, i in enumerate(self._items, start=first) if n > number]
