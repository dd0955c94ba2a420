"""Files as they were, so that they can be put back: content, mode and owner."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DIRECTORY = 0o755  # resolvers run as users of their own


@dataclass(frozen=True, slots=True)
class Before:
    """A file, or that there is none.

    ``made`` are the directories that were missing, the outer one first.
    """

    content: bytes | None
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    made: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return what ``from_json`` reads."""
        content = None if self.content is None else base64.b64encode(self.content).decode()
        return {
            "content": content,
            "mode": self.mode,
            "uid": self.uid,
            "gid": self.gid,
            "made": list(self.made),
        }


def from_json(data: Mapping[str, Any]) -> Before:
    """Return what was kept. Raises KeyError, TypeError or ValueError for anything else."""
    content = data["content"]
    octets = None if content is None else base64.b64decode(content, validate=True)
    mode, uid, gid = (int(data[key]) for key in ("mode", "uid", "gid"))
    return Before(octets, mode, uid, gid, tuple(map(str, data["made"])))


def look(path: Path) -> Before:
    """Return how a file is now. Raises OSError, also for what is no file, or a link to one."""
    missing = tuple(reversed([str(one) for one in path.parents if not one.exists()]))
    try:
        there = path.lstat()
    except FileNotFoundError:
        return Before(None, uid=os.geteuid(), gid=os.getegid(), made=missing)
    if not stat.S_ISREG(there.st_mode):
        raise OSError(0, "is not a file of its own: what it leads to is left alone", str(path))
    return Before(path.read_bytes(), stat.S_IMODE(there.st_mode), there.st_uid, there.st_gid)


def see_writable(path: Path) -> None:
    """Raise PermissionError when a file cannot be put there."""
    folder = next(one for one in path.parents if one.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(1, "cannot be written: run it as root, with sudo", str(path))


def put(path: Path, wanted: Before) -> None:
    """Make a file be so, all of it or nothing. Raises OSError."""
    if wanted.content is None:
        path.unlink(missing_ok=True)
        for made in reversed(wanted.made):
            with suppress(OSError):  # somebody else uses it
                Path(made).rmdir()
        return
    for folder in _missing(path):
        folder.mkdir(mode=_DIRECTORY)
        folder.chmod(_DIRECTORY)
    _replace(path, wanted, wanted.content)


def _missing(path: Path) -> Iterator[Path]:
    return (one for one in reversed(path.parents) if not one.exists())


def _replace(path: Path, wanted: Before, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.ocr-router")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fchown(fd, wanted.uid, wanted.gid)
            os.fchmod(fd, wanted.mode)
            os.fsync(fd)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
