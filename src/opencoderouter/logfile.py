"""A log in a file: of this user only, kept to a size, and followed when others move it away."""

from __future__ import annotations

import fcntl
import logging
import os
from contextlib import suppress
from pathlib import Path

from opencoderouter import private

_log = logging.getLogger(__name__)
KEEP = 5  # files of before, as NAME.1 to NAME.5


class LogFile:
    """A descriptor that stays, at the end of the file that has the path.

    ``most`` are the octets after which the file is moved to ``NAME.1``, that to ``NAME.2``, and so
    on. Several processes may have the same file: each sees that another has moved it. Raises
    NotPrivate, or OSError, when the file cannot be opened.
    """

    def __init__(self, path: Path, most: int) -> None:
        self._path, self._most = path, most
        self.fd = private.append(path)
        self._stuck = False

    def renew(self) -> None:
        """See that the descriptor is of the file that has the path, and that it is not too large.

        To be called before lines are written. What goes wrong is logged, once: lines go on to
        where they went before.
        """
        try:
            if self._is_there() and os.fstat(self.fd).st_size >= self._most:
                self._rotate()
            if not self._is_there():
                self._reopen()
            self._stuck = False
        except OSError as error:
            if not self._stuck:
                _log.warning("log not renewed path=%s error=%s", self._path, error)
            self._stuck = True

    def close(self) -> None:
        """Close the file."""
        os.close(self.fd)

    def _is_there(self) -> bool:
        try:
            there, ours = self._path.lstat(), os.fstat(self.fd)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def _reopen(self) -> None:
        fd = private.append(self._path)
        os.dup2(fd, self.fd, inheritable=False)
        os.close(fd)

    def _rotate(self) -> None:
        """Move the file away, unless another process does, or has just done so."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        try:
            if self._is_there():
                for number in range(KEEP, 1, -1):
                    with suppress(FileNotFoundError):
                        rotated(self._path, number - 1).replace(rotated(self._path, number))
                self._path.replace(rotated(self._path, 1))
        finally:
            fcntl.flock(self.fd, fcntl.LOCK_UN)


def rotated(path: Path, number: int) -> Path:
    """Return where the lines of before are: 1 has the newest."""
    return path.with_name(f"{path.name}.{number}")
