"""The file on disk: read, read again when it has changed, and kept as it was while it is broken."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path

from opencoderouter.core.fleet.preferences import Preferences
from opencoderouter.preferences import defaults
from opencoderouter.preferences.problem import Place, Problem, Reading

_LARGEST = 1 << 20  # octets
_Stamp = tuple[int, ...] | None


def default_path() -> Path:
    """Return where the file is, unless the user names another."""
    return Path("~/.opencode/remote-tui.yaml").expanduser()


class Reader:
    """One file. A file that is not there is no problem: then all is as by default.

    ``ssh_config`` goes before what the file says of it.
    """

    def __init__(self, path: Path, *, ssh_config: str = "") -> None:
        self.path = path
        self._ssh_config = str(Path(ssh_config).expanduser().absolute()) if ssh_config else ""
        self._stamp: _Stamp = None
        self._last: Preferences | None = None

    def changed(self) -> bool:
        """Tell whether the file is another than the one that was read last."""
        return _stamp(self.path) != self._stamp

    def read(self) -> Reading:
        """Read it. Never raises.

        The first time there are defaults for what is broken. Later a file with a problem leaves
        all as it was.
        """
        self._stamp = _stamp(self.path)
        reading = self._with_ssh(self._read())
        if reading.problems and self._last is not None:
            return Reading(self._last, reading.problems, reading.notes)
        self._last = reading.preferences
        return reading

    def _with_ssh(self, reading: Reading) -> Reading:
        if not self._ssh_config:
            return reading
        ssh = replace(reading.preferences.ssh, config=self._ssh_config)
        return replace(reading, preferences=replace(reading.preferences, ssh=ssh))

    def _read(self) -> Reading:
        name = str(self.path)
        try:
            content = _content(self.path)
        except FileNotFoundError:
            return Reading(Preferences())
        except OSError as error:
            return Reading(Preferences(), (Problem(name, error.strerror or str(error)),))
        if content == defaults.content():
            return Reading(Preferences())
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start]
            place = Place(before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
            words = f"this is not UTF-8: octet 0x{content[error.start]:02x}"
            return Reading(Preferences(), (Problem(name, words, place),))
        from opencoderouter.preferences.check import check  # its libraries: 0.1 s

        return check(text, name)


def _content(path: Path) -> bytes:
    """Return what is in a file. Raises OSError, for what is no file, too."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        kind = os.fstat(fd)
        if stat.S_ISDIR(kind.st_mode):
            raise IsADirectoryError(errno.EISDIR, "this is a directory, not a file")
        if not stat.S_ISREG(kind.st_mode):
            raise OSError(errno.EINVAL, "this is not a file")
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise OSError(errno.EFBIG, "this is larger than 1 MiB")
    return content


def _stamp(path: Path) -> _Stamp:
    """Return what is another one when the file, or what a link leads to, is."""
    try:
        now = path.stat()
    except OSError:
        return None
    return now.st_mtime_ns, now.st_ctime_ns, now.st_dev, now.st_ino, now.st_size, now.st_mode
