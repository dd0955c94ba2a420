"""Files that are this user's alone: 0600 in directories that are 0700, whatever the umask.

A link, and what belongs to somebody else, is refused: it could be a trap. So is a file that others
can read or write, for what it says may be known to them or come from them.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import pwd
import shlex
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_log = logging.getLogger(__name__)
_OTHERS = 0o077
_OTHERS_WRITE = 0o022
_MARK = "leases.json"  # every version has had it in its state directory
_ALWAYS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY
_READ = os.O_RDONLY | os.O_NONBLOCK  # a pipe is refused, not waited for
Stamp = tuple[int, ...]


class Refused(OSError):  # noqa: N818 - an expected end, not a broken promise
    """A file that is not used as it is. Its text is for the user: which one, and why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(errno.EPERM, reason, str(path))

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


class NotPrivate(Refused):
    """A file or directory that is not this user's alone."""


class Damaged(Refused):
    """A file that does not hold what was written there."""


def directory(path: Path) -> None:
    """Make a directory, and those above it that are missing; or see that it is ours alone.

    One that others could enter is closed to them if it is empty, or the state directory of an
    earlier version: that is logged. Those above it that are there already stay as they are.
    Raises NotPrivate, or OSError.
    """
    os.close(_directory(path, make=True))


def read(path: Path, *, mend: bool = False) -> bytes:
    """Return what is in a file of a directory of ours; ``mend`` one that others could read.

    Raises NotPrivate, or OSError: FileNotFoundError where there is none; nothing is made.
    """
    with _folder(path, make=False) as folder:
        return _content(_opened(path, _READ, folder, mend=mend))


def read_json(path: Path) -> dict[str, object]:
    """Return the JSON object in a file. Raises Damaged when it is none, else as ``read``."""
    try:
        content = json.loads(read(path))
    except (ValueError, RecursionError):
        raise Damaged(path, "is damaged: no JSON") from None
    if not isinstance(content, dict):
        raise Damaged(path, "is damaged: no JSON object")
    return content


def read_given(path: Path) -> bytes:
    """Return what is in a file that the user named, in whatever directory.

    Raises NotPrivate, or OSError.
    """
    return _content(_opened(path, _READ, mend=False))


def replace(path: Path, content: bytes) -> None:
    """Put ``content`` into a file, all of it or nothing, so that it outlasts a crash.

    Writers must hold ``locked``. Raises NotPrivate, or OSError.
    """
    with _folder(path, make=True) as folder:
        temporary = f"{path.name}.tmp"
        with suppress(FileNotFoundError):  # of one that was killed
            os.unlink(temporary, dir_fd=folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        fd = _opened(path.with_name(temporary), flags, folder, mend=True)
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(fd)
        os.replace(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be the only one who writes a file; others wait. Raises NotPrivate, or OSError."""
    # A file of its own, since the other one is replaced. Closing it lets go of the lock.
    lock = path.with_name(f"{path.name}.lock")
    with _folder(path, make=True) as folder:
        fd = _opened(lock, os.O_WRONLY | os.O_CREAT, folder, mend=True)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def append(path: Path) -> int:
    """Return a descriptor at the end of a file, which is made if need be, in any directory.

    One of ours that others could read is closed to them. Raises NotPrivate, or OSError.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
    return _opened(path, flags, mend=True)


def anew(path: Path) -> int:
    """Return a descriptor of a new, empty file in a directory of ours; an old one is gone.

    Raises NotPrivate, or OSError.
    """
    with _folder(path, make=True) as folder:
        with suppress(FileNotFoundError):
            os.unlink(path.name, dir_fd=folder)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        return _opened(path, flags, folder, mend=True)


def stamp(path: Path) -> Stamp | None:
    """Return what is another one when a file has changed; None when there is none."""
    try:
        now = path.stat(follow_symlinks=False)
    except OSError:
        return None
    return now.st_mtime_ns, now.st_ctime_ns, now.st_ino, now.st_size, now.st_mode, now.st_uid


@contextmanager
def _folder(path: Path, *, make: bool) -> Iterator[int]:
    fd = _directory(path.parent, make=make)
    try:
        yield fd
    finally:
        os.close(fd)


def _directory(path: Path, *, make: bool) -> int:
    """Return a descriptor of a directory that is ours alone."""
    if make and not os.path.lexists(path):
        if not os.path.lexists(path.parent):
            directory(path.parent)
        with suppress(FileExistsError):  # somebody was faster: perhaps a stranger
            path.mkdir(mode=0o700)
    return _opened(path, os.O_RDONLY | os.O_DIRECTORY, mend=True)


def _opened(path: Path, flags: int, folder: int | None = None, *, mend: bool) -> int:
    """Open what belongs to us; ``mend`` closes it to others, which is refused otherwise."""
    name = path if folder is None else path.name
    try:
        fd = os.open(name, flags | _ALWAYS, 0o600, dir_fd=folder)
    except OSError as error:
        raise _refusal(path, error) from None
    try:
        _see_owner(path, os.fstat(fd), {os.geteuid()})
        _see_kind(path, os.fstat(fd), flags)
        if mend:
            _mend(path, fd)
        _see_mode(path, os.fstat(fd))
    except OSError:
        os.close(fd)
        raise
    return fd


def _refusal(path: Path, error: OSError) -> OSError:
    """Return why something cannot be opened, in the words that help most."""
    try:
        there = path.lstat()
        _see_owner(path, there, {os.geteuid(), 0})
    except NotPrivate as refused:
        return refused
    except OSError:
        there = None
    if there is not None and stat.S_ISLNK(there.st_mode):
        return NotPrivate(path, "is a symbolic link, which is not followed: use what it leads to")
    return OSError(error.errno, f"{error.strerror}{_barrier(path)}", str(path))


def _barrier(path: Path) -> str:
    """Return who keeps the way to a path closed, if somebody does: perhaps it is their volume."""
    for one in path.parents:
        with suppress(OSError):
            there = one.lstat()
            is_closed = not os.access(one, os.X_OK, effective_ids=True)
            return f": {one} belongs to {_user(there.st_uid)}" if is_closed else ""
    return ""


def _see_owner(path: Path, there: os.stat_result, owners: Collection[int]) -> None:
    if there.st_uid not in owners:
        raise NotPrivate(path, f"belongs to {_user(there.st_uid)}, not to {_user(os.geteuid())}")


def _see_kind(path: Path, there: os.stat_result, flags: int) -> None:
    if stat.S_ISDIR(there.st_mode) and not flags & os.O_DIRECTORY:
        raise NotPrivate(path, "is a directory, not a file")
    if not (stat.S_ISREG(there.st_mode) or stat.S_ISDIR(there.st_mode)):
        raise NotPrivate(path, "is not a file")


def _see_mode(path: Path, there: os.stat_result) -> None:
    if not stat.S_IMODE(there.st_mode) & _OTHERS:
        return
    if stat.S_ISDIR(there.st_mode):
        raise NotPrivate(path, "is open to other users; use a directory of its own, with mode 0700")
    command = shlex.join(["chmod", "go=", str(path)])
    raise NotPrivate(path, f"other users have access to it (`{command}` ends that)")


def _mend(path: Path, fd: int) -> None:
    mode = os.fstat(fd).st_mode
    wanted = 0o700 if stat.S_ISDIR(mode) else 0o600
    if stat.S_IMODE(mode) & 0o777 == wanted or (stat.S_ISDIR(mode) and not _is_own(fd, mode)):
        return
    os.fchmod(fd, wanted)
    if mode & _OTHERS:
        _log.warning("closed to other users path=%s mode=%o was=%o", path, wanted, mode & 0o777)


def _is_own(fd: int, mode: int) -> bool:
    """Tell whether a directory has no other purpose: nobody's /tmp or home is to be closed."""
    inside = os.listdir(fd)
    return not mode & _OTHERS_WRITE and (not inside or _MARK in inside)


def _user(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"uid {uid}"


def _content(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        return file.read()
