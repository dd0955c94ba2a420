"""How many connections are open, in all processes of a router together.

The counts lie in memory that these processes share. There are no locks: each writes its own row
and reads the sums, so that between a look and an entry others may enter. A limit can be exceeded
by as many connections as there are processes, less one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal, Self

from opencoderouter.proxy.lane import shared
from opencoderouter.proxy.lane.limits import Limits

Full = Literal["connections", "per_address", "unauthenticated"]

_CELLS: Final = 1 << 14  # of addresses; two that meet in one share its limits
_CELL: Final = 0xFFFF  # the most that a cell counts
_COUNTS = 2 * 8  # octets for each row: connections, websockets
_ROW = _COUNTS + 2 * 2 * _CELLS  # and two cells for each address: connections, strangers
_REMEMBERED = 4096  # addresses whose cell is not computed again


class Occupancy:
    """The counts of all processes, and the row of this one.

    The process that creates it has row 0. Whoever is counted in is counted out by the same process.
    """

    __slots__ = (
        "__weakref__", "_cells", "_connections", "_fd", "_place", "_row", "_rows", "_strangers",
        "_websockets",
    )  # fmt: skip

    def __init__(self, fd: int, row: int) -> None:
        """Take over ``fd``, a file in memory; see ``create`` and ``attach``."""
        key, rows, counts = shared.attach(self, fd)
        self._fd, self._row, self._rows = fd, row, rows
        self._connections = counts[: 8 * rows].cast("q")
        self._websockets = counts[8 * rows : _COUNTS * rows].cast("q")
        # The cells of one address stand side by side, a row each.
        cells = counts[_COUNTS * rows :].cast("H")
        self._cells, self._strangers = cells[: rows * _CELLS], cells[rows * _CELLS :]
        self._place = lru_cache(_REMEMBERED)(
            lambda address: rows * shared.cell(address, key, _CELLS)
        )

    @classmethod
    def create(cls, processes: int) -> Self:
        """Return counts for so many processes, all zero."""
        return cls(shared.create("occupancy", processes, _ROW), 0)

    @classmethod
    def attach(cls, fd: int, row: int) -> Self:
        """Return the counts behind a descriptor from ``fileno``, which is taken over."""
        return cls(fd, row)

    def fileno(self) -> int:
        """Return the descriptor for other processes to attach to. It is not inherited by itself."""
        return self._fd

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return sum(self._connections)

    @property
    def websockets(self) -> int:
        """Return how many connections have been upgraded."""
        return sum(self._websockets)

    def enter(self, address: str, limits: Limits, *, stranger: str = "") -> Full | None:
        """Count a connection in and return None; or return the limit that forbids it.

        ``stranger`` is the origin of one that has not shown yet that it may come in: an address, or
        a user of this machine; users do not share a limit there.
        """
        if sum(self._connections) >= limits.connections:
            return "connections"
        place = self._place(address)
        cells = self._cells
        mine = place + self._row
        if sum(cells[place : place + self._rows]) >= limits.per_address or cells[mine] == _CELL:
            return "per_address"
        if stranger:
            there = self._place(stranger)
            if sum(self._strangers[there : there + self._rows]) >= limits.unauthenticated:
                return "unauthenticated"
            self._strangers[there + self._row] += 1
        cells[mine] += 1
        self._connections[self._row] += 1
        return None

    def known(self, stranger: str) -> None:
        """Count a connection that came in as a stranger as one that is none."""
        self._strangers[self._place(stranger) + self._row] -= 1

    def leave(self, address: str, *, stranger: str = "") -> None:
        """Count a connection out, as what it is by now."""
        if stranger:
            self.known(stranger)
        self._cells[self._place(address) + self._row] -= 1
        self._connections[self._row] -= 1

    def upgrade(self, limits: Limits) -> bool:
        """Count an upgraded connection in, unless there are too many."""
        if sum(self._websockets) >= limits.websockets:
            return False
        self._websockets[self._row] += 1
        return True

    def downgrade(self) -> None:
        """Count an upgraded connection out."""
        self._websockets[self._row] -= 1

    def clear(self, row: int) -> None:
        """Forget what a process has counted: it is dead, and its connections with it."""
        self._connections[row] = self._websockets[row] = 0
        for cells in (self._cells, self._strangers):
            cells[row :: self._rows] = memoryview(bytes(2 * _CELLS)).cast("H")
