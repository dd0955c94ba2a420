"""What the processes of a router use, by the kernel's word (Linux)."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.rig import workers
from tests.rig.wait import until

_PAGE = os.sysconf("SC_PAGE_SIZE")
_WORKER = b"opencoderouter.wiring.worker"


@dataclass(frozen=True, slots=True)
class Usage:
    """Sums over the router's processes: resident octets, open files, threads."""

    rss: int
    files: int
    threads: int

    def __str__(self) -> str:
        return f"{self.rss / 2**20:.1f} MB, {self.files} files, {self.threads} threads"


def at_rest(pid: int) -> Usage:
    """Return what a router uses that has started: all its workers, and no more files any more."""
    until(lambda: sum(map(_serves, _workers(pid))) == workers.count - 1)
    seen = [usage(pid)]

    def again() -> bool:
        seen.append(usage(pid))
        return seen[-1].files == seen[-2].files

    until(again, every=0.5)
    return seen[-1]


def usage(pid: int) -> Usage:
    """Return what a router and its workers use. Raises OSError when it is gone."""
    each = [_one(pid)]
    for worker in _workers(pid):
        with suppress(OSError):  # it has just ended
            each.append(_one(worker))
    return Usage(*(sum(values) for values in zip(*each, strict=True)))


def _workers(pid: int) -> list[int]:
    children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return [child for child in children if _is_worker(child)]


def _is_worker(pid: int) -> bool:
    try:
        return _WORKER in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _serves(pid: int) -> bool:
    """Tell whether a process has its event loop: all that it needs is loaded."""
    files = Path(f"/proc/{pid}/fd").iterdir()
    try:
        return any(file.readlink().name == "anon_inode:[eventpoll]" for file in files)
    except OSError:  # one was closed in the meantime
        return False


def _one(pid: int) -> tuple[int, int, int]:
    base = Path(f"/proc/{pid}")
    resident = int((base / "statm").read_text().split()[1]) * _PAGE
    return resident, len(os.listdir(base / "fd")), len(os.listdir(base / "task"))  # noqa: PTH208 - counted only
