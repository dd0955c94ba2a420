"""Memory that all processes of a router share, and the cells in it that tell addresses apart.

There are no locks: each process writes its own row and reads those of all.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import socket
import struct
import tempfile
import weakref
from hashlib import blake2b
from typing import Final, NamedTuple

_HEAD = struct.Struct("=16sq")  # the key, the number of rows
_SEALS: Final = 0x0001 | 0x0002 | 0x0004  # F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW


class Shared(NamedTuple):
    """What lies behind a descriptor. ``key`` is drawn for each run, and nobody else's to know."""

    key: bytes
    rows: int
    memory: memoryview


def create(name: str, rows: int, octets: int) -> int:
    """Return the descriptor of a file in memory, all zero, for so many rows of ``octets`` each.

    It is not inherited by itself.
    """
    fd = _memory(name)
    os.ftruncate(fd, _HEAD.size + rows * octets)
    os.write(fd, _HEAD.pack(os.urandom(16), rows))
    if hasattr(fcntl, "F_ADD_SEALS"):  # else who cuts it short ends us all (SIGBUS)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    return fd


def attach(owner: object, fd: int) -> Shared:
    """Return what ``create`` has made. The descriptor is closed when ``owner`` is no more."""
    weakref.finalize(owner, os.close, fd)
    memory = memoryview(mmap.mmap(fd, 0))
    key, rows = _HEAD.unpack_from(memory)
    return Shared(key, rows, memory[_HEAD.size :])


def _memory(name: str) -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with tempfile.TemporaryFile() as file:  # macOS
        return os.dup(file.fileno())


def one(origin: str) -> bytes:
    """Return what is the same for all that count as one: an IPv6 /64 is one customer.

    Every other address, and every user of this machine (``127.0.0.1#1001``), counts for itself.
    """
    plain = origin.partition("%")[0]
    if ":" in plain and "#" not in plain:
        return socket.inet_pton(socket.AF_INET6, plain)[:8]
    return plain.encode()


def cell(origin: str, key: bytes, cells: int) -> int:
    """Return the cell of an origin, one of at most 65536.

    Two that meet in one share it; nobody who does not know ``key`` can choose whom to meet.
    """
    return int.from_bytes(blake2b(one(origin), key=key, digest_size=2).digest()) % cells
