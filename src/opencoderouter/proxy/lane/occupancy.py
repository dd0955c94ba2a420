"""How many connections are open, in all processes of a router together.

The counts lie in memory that these processes share. There are no locks: each writes its own row
and reads the sums, so that between a look and an entry others may enter. A limit can be exceeded
by as many connections as there are processes, less one.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import socket
import struct
import tempfile
import weakref
from functools import lru_cache
from hashlib import blake2b
from typing import Final, Literal, Self

from opencoderouter.proxy.lane.limits import Limits

Full = Literal["connections", "per_address"]

# Addresses are told apart by so many cells. Two that meet in one share its limit; nobody can choose
# whom to meet, for the key is drawn for each run.
_CELLS: Final = 1 << 14
_CELL: Final = 0xFFFF  # the most that a cell counts
_HEAD = struct.Struct("=16sq")  # the key, the number of rows
_COUNTS = 2 * 8  # octets for each row: connections, websockets
_SEALS: Final = 0x0001 | 0x0002 | 0x0004  # F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW
_REMEMBERED = 4096  # addresses whose cell is not computed again


class Occupancy:
    """The counts of all processes, and the row of this one.

    The process that creates it has row 0. Whoever is counted in is counted out by the same process.
    """

    __slots__ = (
        "__weakref__", "_cells", "_connections", "_fd", "_place", "_row", "_rows", "_websockets",
    )  # fmt: skip

    def __init__(self, fd: int, row: int) -> None:
        """Take over ``fd``, a file in memory; see ``create`` and ``attach``."""
        weakref.finalize(self, os.close, fd)
        memory = memoryview(mmap.mmap(fd, 0))
        key, rows = _HEAD.unpack_from(memory)
        self._fd, self._row, self._rows = fd, row, rows
        counts = memory[_HEAD.size :]
        self._connections = counts[: 8 * rows].cast("q")
        self._websockets = counts[8 * rows : _COUNTS * rows].cast("q")
        # The cells of one address stand side by side, a row each.
        self._cells = counts[_COUNTS * rows :].cast("H")
        self._place = lru_cache(_REMEMBERED)(lambda address: rows * _cell(address, key))

    @classmethod
    def create(cls, processes: int) -> Self:
        """Return counts for so many processes, all zero."""
        fd = _memory()
        os.ftruncate(fd, _HEAD.size + processes * (_COUNTS + 2 * _CELLS))
        os.write(fd, _HEAD.pack(os.urandom(16), processes))
        if hasattr(fcntl, "F_ADD_SEALS"):  # else who cuts it short ends us all (SIGBUS)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
        return cls(fd, 0)

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

    def enter(self, address: str, limits: Limits) -> Full | None:
        """Count a connection in and return None; or return the limit that forbids it."""
        if sum(self._connections) >= limits.connections:
            return "connections"
        place = self._place(address)
        cells = self._cells
        mine = place + self._row
        if sum(cells[place : place + self._rows]) >= limits.per_address or cells[mine] == _CELL:
            return "per_address"
        cells[mine] += 1
        self._connections[self._row] += 1
        return None

    def leave(self, address: str) -> None:
        """Count a connection out."""
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
        self._cells[row :: self._rows] = memoryview(bytes(2 * _CELLS)).cast("H")


def _memory() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("occupancy", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as file:  # macOS
        return os.dup(file.fileno())


def _cell(address: str, key: bytes) -> int:
    """Return the cell of an address; all of an IPv6 /64, which is one customer, have the same."""
    plain = address.partition("%")[0]
    which = socket.inet_pton(socket.AF_INET6, plain)[:8] if ":" in plain else plain.encode()
    return int.from_bytes(blake2b(which, key=key, digest_size=2).digest()) % _CELLS
