"""Processes as ``/proc`` tells of them (proc(5)).

Everything may end between two reads, and of other users' processes neither working directory nor
descriptors can be read: what cannot be read is None or missing, never an error.
"""

# Strings and os take half the time that Path takes, and /proc has thousands of files.
# ruff: noqa: PTH115, PTH116, PTH208
from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from opencoderouter.core.model import Kind
from opencoderouter.kernel.commands import opencode_kind

_PROC = Path("/proc")
_INIT = 1
_DELETED = " (deleted)"
_BUFFER = 1 << 16
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
    """The fields of ``/proc/PID/stat`` that are of use here.

    ``image`` is where the environment lies: by chance another place in every program that the
    process has turned into, so a change tells of an exec; 0 where that may not be read.
    """

    comm: str
    state: str
    ppid: int
    started: int
    image: int = 0


def parse_stat(text: str) -> Stat | None:
    """Return the fields of a stat line, or None. The name may hold spaces and parentheses."""
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    try:
        image = int(fields[47]) if len(fields) > 47 else 0  # noqa: PLR2004 - proc(5): 50, from 1
        return Stat(head.partition("(")[2], fields[0], int(fields[1]), int(fields[19]), image)
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


def keeps_marks(pid: int, *, proc: Path = _PROC) -> bool:
    """Tell whether a process is our user's that lacks nothing but our right to read it.

    It has another group, more capabilities, or is kept apart by a security module. One that has
    made itself unreadable has files in ``/proc`` that are root's; and the machine's init, from
    which all descend, has all capabilities there are.
    """
    try:
        return pid != _INIT and Path(f"{proc}/{pid}/fd").stat().st_uid == os.geteuid()
    except OSError:
        return False


def may_read(pid: int, *, proc: Path = _PROC) -> bool:
    """Tell whether a process's descriptors can be read, if it may have sockets of our user.

    To list them may be allowed where to read them is not (to our uid with another gid). Not of one
    that has made itself unreadable, or whose program is; what another user's process has, and what
    is gone, nobody needs to read.
    """
    folder = f"{proc}/{pid}/fd"
    try:
        for name in os.listdir(folder):
            if _is_readable(f"{folder}/{name}"):
                break
    except PermissionError:
        status = os.fsdecode(_read(f"{proc}/{pid}/status"))
        users = next((x.split() for x in status.splitlines() if x.startswith("Uid:")), [])
        return str(os.geteuid()) not in users[-1:]  # that of the file system is a new socket's
    except OSError:
        pass
    return True


def _is_readable(descriptor: str) -> bool:
    """Tell whether one can be read; False when it is closed. Raises PermissionError."""
    try:
        os.readlink(descriptor)
    except PermissionError:
        raise
    except OSError:
        return False
    return True


def descendants(pid: int, *, proc: Path = _PROC) -> list[int]:
    """Return children, their children and so on: zombies not, in no certain order."""
    return below(stats(proc=proc), [pid])


def below(family: Mapping[int, Stat], roots: Iterable[int]) -> list[int]:
    """Return the descendants of ``roots`` among these processes, the roots not."""
    children: dict[int, list[int]] = {}
    for pid, stat in family.items():
        children.setdefault(stat.ppid, []).append(pid)
    found, queue = list[int](), list(roots)
    while queue:
        queue.extend(nearest := children.pop(queue.pop(), []))
        found.extend(nearest)
    return found


def stats(known: Collection[int] = (), *, proc: Path = _PROC) -> dict[int, Stat]:
    """Return all processes by pid: zombies not, nor those that are ``known`` already."""
    found: dict[int, Stat] = {}
    for pid in _pids(proc):
        stat = None if pid in known else parse_stat(os.fsdecode(_read(f"{proc}/{pid}/stat")))
        if stat is not None and stat.state not in "ZX":
            found[pid] = stat
    return found


def resident_bytes(pid: int, *, proc: Path = _PROC) -> int | None:
    """Return the memory a process has in RAM, in bytes."""
    size = parse_status(os.fsdecode(_read(f"{proc}/{pid}/status"))).get("VmRSS", "")
    return int(size) * 1024 if size.isdecimal() else None


def environment(pid: int, names: Collection[str], *, proc: Path = _PROC) -> dict[str, str]:
    """Return those of these variables that a process was started with.

    Octets that are no UTF-8 are replaced. Needs the same right as ``socket_owners``.
    """
    fields = _read(f"{proc}/{pid}/environ").split(b"\0")
    pairs = (field.decode(errors="replace").partition("=") for field in reversed(fields))
    return {name: value for name, mark, value in pairs if mark and name in names}


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
    """Return what a file holds; os alone takes two thirds of the time that open() takes."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return b"".join(iter(lambda: os.read(file, _BUFFER), b""))
        finally:
            os.close(file)
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
