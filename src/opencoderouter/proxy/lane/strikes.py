"""Who has failed to show who he is, how often, and how long he waits for the next try.

The counts lie in memory that all processes of a router share, for whoever guesses chooses neither
the process that he comes to nor one that does not know of him. A cell holds the time of the last
failure in one process, in milliseconds, and their number.
"""

from __future__ import annotations

from typing import Final, Self

from opencoderouter.proxy.lane import shared

FREE = 5  # failures that cost nothing
LONGEST = 60.0  # seconds
MEMORY = 15 * 60.0  # seconds without a failure after which all are forgotten

# Two origins that meet in a cell wait for each other.
_CELLS: Final = 1 << 16
_ROW = 8 * _CELLS
_MOST: Final = 0xFFFF
_BITS = 16  # of a cell, for the number


class Strikes:
    """The failures that all processes have seen, and the row of this one.

    ``origin`` is an address (of IPv6 its /64 counts) or a user of this machine. ``now`` are
    seconds of a clock that is the same for all processes: ``time.monotonic``.
    """

    __slots__ = ("__weakref__", "_cells", "_fd", "_key", "_row", "_rows")

    def __init__(self, fd: int, row: int) -> None:
        """Take over ``fd``, a file in memory; see ``create`` and ``attach``."""
        self._key, self._rows, memory = shared.attach(self, fd)
        self._fd, self._row, self._cells = fd, row, memory.cast("Q")

    @classmethod
    def create(cls, processes: int) -> Self:
        """Return counts for so many processes, all zero; the row of this one is 0."""
        return cls(shared.create("strikes", processes, _ROW), 0)

    @classmethod
    def attach(cls, fd: int, row: int) -> Self:
        """Return the counts behind a descriptor from ``fileno``, which is taken over."""
        return cls(fd, row)

    def fileno(self) -> int:
        """Return the descriptor for other processes to attach to. It is not inherited by itself."""
        return self._fd

    def failed(self, origin: str, now: float) -> None:
        """Count a failure. Tries that were not looked at, because of ``wait``, are none."""
        mine = self._place(origin) + self._row
        before, last = _read(self._cells[mine], now)
        count = min(before + 1, _MOST)
        self._cells[mine] = int(max(now, last) * 1000) << _BITS | count

    def wait(self, origin: str, now: float) -> float:
        """Return the seconds until the next try is looked at; 0.0: now."""
        place = self._place(origin)
        rows = [_read(one, now) for one in self._cells[place : place + self._rows]]
        count = sum(count for count, _ in rows)
        last = max(last for _, last in rows)
        return max(0.0, last + penalty(count) - now)

    def succeeded(self, origin: str) -> None:
        """Forget all failures, for who has shown that he knows the password itself.

        Not for less: with a token of his own somebody could go on guessing the password for ever.
        """
        place = self._place(origin)
        for one in range(place, place + self._rows):
            self._cells[one] = 0

    def _place(self, origin: str) -> int:
        return self._rows * shared.cell(origin, self._key, _CELLS)


def penalty(failures: int) -> float:
    """Return the seconds that so many failures cost: nothing, then 1, 2, 4 and so on to 60."""
    if failures <= FREE:
        return 0.0
    return min(LONGEST, 2.0 ** min(failures - FREE - 1, 10))


def _read(one: int, now: float) -> tuple[int, float]:
    """Return the number and the last time of a cell's failures; zeros when it is too long ago.

    Each row is forgotten for itself: failures of the last ``MEMORY`` seconds always count.
    """
    last = (one >> _BITS) / 1000
    return (one & _MOST, last) if now - last < MEMORY else (0, 0.0)
