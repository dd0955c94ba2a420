"""A temporary folder of a process: gone with it, or with the next one when that was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "ocr-"


@contextmanager
def folder() -> Iterator[Path]:
    """Yield a new folder of this user's alone, which is locked (flock(2)) until the block ends.

    Folders that processes left which were killed are removed: those of this user that nobody has
    locked.
    """
    _remove_left(Path(tempfile.gettempdir()))
    path, lock = _made()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _made() -> tuple[Path, int]:
    """Return a folder and what keeps it locked."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = _locked(path)
        if lock is not None and path.exists():
            return path, lock
        if lock is not None:  # another process has taken it for one that was left, just before
            os.close(lock)


def _locked(path: Path) -> int | None:
    """Return a descriptor that has the lock of a folder of this user; None where that cannot be."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        found = os.fstat(fd)
        if found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == stat.S_IRWXU:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
    except OSError:  # somebody has it
        pass
    os.close(fd)
    return None


def _remove_left(where: Path) -> None:
    with suppress(OSError):
        for path in where.glob(f"{_PREFIX}????????"):
            lock = _locked(path)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)
