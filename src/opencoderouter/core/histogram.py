"""Counts of values by their size: cheap to add to, and to add up."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple


class Distribution(NamedTuple):
    """A histogram at one time: a plain value.

    ``counts[i]`` is the number of values up to and with ``bounds[i]`` that are above the bound
    before; the last one, of those above all bounds. ``total`` is the sum of all values.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float

    def plus(self, other: Distribution) -> Distribution:
        """Return both together; they have the same bounds."""
        counts = tuple(map(int.__add__, self.counts, other.counts))
        return Distribution(self.bounds, counts, self.total + other.total)


class Histogram:
    """Counts values by upper bounds, which rise."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def snapshot(self) -> Distribution:
        """Return the counts of now."""
        return Distribution(self._bounds, tuple(self._counts), self._total)
