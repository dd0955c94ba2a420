"""Processes as ``/proc`` tells of them (proc(5)).

Everything may end between two reads, and of other users' processes neither working directory nor
descriptors can be read: what cannot be read is None or missing, never an error.
"""

# Strings and os take half the time that Path takes, and /proc has thousands of files.
# ruff: noqa: PTH115, PTH116, PTH123, PTH208
from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from opencoderouter.core.model import Kind
from opencoderouter.kernel.commands import opencode_kind

_PROC = Path("/proc")
_DELETED = " (deleted)"
_SOCKET = re.compile(r"socket:\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Process:
    """A running process; zombies are none.

    ``started`` is in clock ticks since boot: ``pid`` and ``started`` together are unique. ``uid``
    is the real one. ``cwd`` is None where it may not be read. ``kind`` is None unless the process
    is an OpenCode server (or its terminal UI, which may listen).
    """

    pid: int
    ppid: int
    uid: int
    started: int
    argv: tuple[str, ...]
    cwd: str | None
    kind: Kind | None


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of ``/proc/PID/stat`` that are of use here."""

    comm: str
    state: str
    ppid: int
    started: int


def parse_stat(text: str) -> Stat | None:
    """Return the fields of a stat line, or None. The name may hold spaces and parentheses."""
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    try:
        return Stat(head.partition("(")[2], fields[0], int(fields[1]), int(fields[19]))
    except (IndexError, ValueError):
        return None


def parse_status(text: str) -> dict[str, str]:
    """Return the first value of each line of ``/proc/PID/status`` by its name."""
    lines = (line.partition(":") for line in text.splitlines())
    return {name: (value.split() or [""])[0] for name, _, value in lines}


def process(pid: int, *, proc: Path = _PROC) -> Process | None:
    """Return the process, or None when there is none (any more)."""
    base = f"{proc}/{pid}"
    stat = parse_stat(os.fsdecode(_read(f"{base}/stat")))
    argv = _argv(base)
    uid = parse_status(os.fsdecode(_read(f"{base}/status"))).get("Uid", "")
    if stat is None or stat.state in "ZX" or not uid.isdecimal():
        return None
    kind = opencode_kind(argv, stat.comm)
    return Process(pid, stat.ppid, int(uid), stat.started, argv, _cwd(base), kind)


def opencode_processes(uid: int, *, proc: Path = _PROC) -> list[Process]:
    """Return the OpenCode processes of one user, by pid, without reading of all the others."""
    likely = (pid for pid in _pids(proc) if _may_be_opencode(f"{proc}/{pid}", uid))
    found = (process(pid, proc=proc) for pid in likely)
    return [p for p in found if p is not None and p.kind is not None and p.uid == uid]


def socket_owners(
    inodes: Collection[int], pids: Iterable[int] | None = None, *, proc: Path = _PROC
) -> dict[int, int]:
    """Return inode to pid for those of these sockets that one of ``pids`` (default: all) holds.

    Where several processes share a socket, the first of ``pids`` has it. Needs the right to read
    the holders' descriptors: the own user's, or root's.
    """
    wanted, found = set(inodes), dict[int, int]()
    for pid in _pids(proc) if pids is None else pids:
        if not wanted:
            break
        held = wanted.intersection(_sockets(f"{proc}/{pid}/fd"))
        found |= dict.fromkeys(held, pid)
        wanted -= held
    return found


def descendants(pid: int, *, proc: Path = _PROC) -> list[int]:
    """Return children, their children and so on: zombies not, in no certain order."""
    children: dict[int, list[int]] = {}
    for other in _pids(proc):
        stat = parse_stat(os.fsdecode(_read(f"{proc}/{other}/stat")))
        if stat is not None and stat.state not in "ZX":
            children.setdefault(stat.ppid, []).append(other)
    found, queue = list[int](), [pid]
    while queue:
        queue.extend(nearest := children.pop(queue.pop(), []))
        found.extend(nearest)
    return found


def resident_bytes(pid: int, *, proc: Path = _PROC) -> int | None:
    """Return the memory a process has in RAM, in bytes."""
    size = parse_status(os.fsdecode(_read(f"{proc}/{pid}/status"))).get("VmRSS", "")
    return int(size) * 1024 if size.isdecimal() else None


def _pids(proc: Path) -> list[int]:
    try:
        return sorted(int(name) for name in os.listdir(proc) if name.isdecimal())
    except OSError:
        return []


def _may_be_opencode(base: str, uid: int) -> bool:
    try:
        mine = os.stat(base).st_uid == uid
    except OSError:
        return False
    return mine and (
        b"opencode" in _read(f"{base}/cmdline") or b"opencode" in _read(f"{base}/comm")
    )


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _argv(base: str) -> tuple[str, ...]:
    text = os.fsdecode(_read(f"{base}/cmdline"))
    return tuple(text.removesuffix("\0").split("\0")) if text else ()


def _cwd(base: str) -> str | None:
    try:
        path = os.readlink(f"{base}/cwd")
    except OSError:
        return None
    gone = path.endswith(_DELETED) and not os.path.lexists(path)
    return path.removesuffix(_DELETED) if gone else path


def _sockets(folder: str) -> Iterator[int]:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        try:
            match = _SOCKET.fullmatch(os.readlink(f"{folder}/{name}"))
        except OSError:
            continue
        if match:
            yield int(match[1])
