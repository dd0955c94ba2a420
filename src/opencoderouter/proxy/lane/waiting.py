"""Who waits, and for how long at most: one queue instead of a timer for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Waiting(Generic[T]):
    """Those who wait for the same thing, each ``patience`` seconds at most.

    Nobody keeps time here: ``sweep`` calls ``expired`` for whoever has waited too long.
    """

    __slots__ = ("_clock", "_expired", "_patience", "_since")

    def __init__(
        self, patience: float, expired: Callable[[T], None], clock: Callable[[], float]
    ) -> None:
        self._patience, self._expired, self._clock = patience, expired, clock
        self._since: dict[T, float] = {}  # in the order of time

    def __len__(self) -> int:
        return len(self._since)

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._since))

    def __contains__(self, one: object) -> bool:
        return one in self._since

    def add(self, one: T) -> None:
        """Let ``one``, who does not wait here yet, wait from now on."""
        self._since[one] = self._clock()

    def discard(self, one: T) -> None:
        """Let ``one`` wait no longer."""
        self._since.pop(one, None)

    def oldest(self) -> T:
        """Return who waits longest. Raises StopIteration when nobody does."""
        return next(iter(self._since))

    def sweep(self) -> None:
        """End the waiting of all whose time is over."""
        latest = self._clock() - self._patience
        while self._since:
            one = next(iter(self._since))
            if self._since[one] > latest:
                return
            del self._since[one]
            self._expired(one)
