"""When to look again for what was not found: soon, then less and less. No I/O, no clock."""

from __future__ import annotations


class Again:
    """Doubles the pause from ``first`` to ``longest`` seconds while the same things are missing."""

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._missing: frozenset[object] = frozenset()
        self._pause, self._at = first, 0.0

    def is_due(self, missing: frozenset[object], now: float) -> bool:
        """Tell whether to look at this time (seconds, any origin); if so, the next is later."""
        if not missing <= self._missing:
            self._pause, self._at = self._first, now
        self._missing = missing
        if not missing or now < self._at:
            return False
        self._at = now + self._pause
        self._pause = min(self._pause * 2, self._longest)
        return True
