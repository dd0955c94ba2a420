"""Who descends from whom, and marks that are handed down: prctl(2), proc(5).

For the guard and its counterpart in the router. But for the mark's name, nothing but the standard
library is imported, and of that nothing large. Where the kernel has neither ``/proc`` nor ``prctl``
(macOS) every answer is "nobody" or "no".
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from opencoderouter.kernel.marks import MARK

# A look at all processes takes a moment: who loses its parent meanwhile can be missed. So many in
# a row must find nobody.
LOOKS = 2

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


class Stat(NamedTuple):
    """A process: its parent, and when it started (clock ticks since boot)."""

    parent: int
    started: int
    zombie: bool


Tree = Mapping[int, Stat]


def read_tree(proc: str = "/proc") -> Tree:
    """Return all processes of now by pid."""
    try:
        names = os.listdir(proc)  # noqa: PTH208 - pathlib is slow to import
    except OSError:
        return {}
    found = ((int(name), _stat(f"{proc}/{name}/stat")) for name in names if name.isdecimal())
    return {pid: stat for pid, stat in found if stat is not None}


def below(tree: Tree, roots: Iterable[int]) -> set[int]:
    """Return the descendants of ``roots``, zombies too, the roots not."""
    children: dict[int, list[int]] = {}
    for pid, stat in tree.items():
        children.setdefault(stat.parent, []).append(pid)
    found, queue = set[int](), list(roots)
    while queue:
        nearest = children.pop(queue.pop(), [])
        found.update(nearest)
        queue.extend(nearest)
    return found


def mark_of(pid: int, proc: str = "/proc") -> str | None:
    """Return the mark that a process was started with; of a zombie there is none to be had."""
    name = f"{MARK}=".encode()
    fields = _read(f"{proc}/{pid}/environ").split(b"\0")
    return next((os.fsdecode(f.removeprefix(name)) for f in fields if f.startswith(name)), None)


def unreaped() -> int | None:
    """Return a child that has ended and keeps its pid until it is reaped; 0 when there is none.

    None where this cannot be asked (macOS). Raises ChildProcessError when there is no child.
    """
    if not hasattr(os, "waitid"):
        return None
    found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return found.si_pid if found else 0


def kill(pids: Iterable[int]) -> bool:
    """Send SIGKILL to each. False when there is none within reach (a set-uid tool is not)."""
    return any([_kill(pid) for pid in pids])  # noqa: C419 - each, not the first


def become_subreaper() -> bool:
    """Make orphaned descendants children of this process instead of init's."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Let the kernel kill this process with its parent; for a child between fork and exec."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os.kill(os.getpid(), signal.SIGKILL)


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # it has just ended, and may have left a child
        return True
    except PermissionError:
        return False
    return True


def _prctl(option: int, value: int) -> bool:
    prctl = getattr(_LIBC, "prctl", None)
    return prctl is not None and prctl(option, ctypes.c_ulong(value), 0, 0, 0) == 0


def _stat(path: str) -> Stat | None:
    fields = _read(path).rpartition(b")")[2].split()  # the name may hold spaces and parentheses
    try:
        return Stat(int(fields[1]), int(fields[19]), zombie=fields[0] in {b"Z", b"X"})
    except (IndexError, ValueError):
        return None


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib is slow to import
            return file.read()
    except OSError:
        return b""


_LIBC = ctypes.CDLL(None)
