"""The access log: a line for each request, in the common log format or as JSON.

A line has no query, which may hold a password or a ticket, and nothing that moves a cursor.
"""

from __future__ import annotations

import json
import logging
import os
import select
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

from opencoderouter.core.printable import printable
from opencoderouter.logfile import LogFile
from opencoderouter.private import NotPrivate

_log = logging.getLogger(__name__)
Form = Literal["common", "json"]
Later = Callable[[float, Callable[[], None]], object]

_STDERR = 2
_PAUSE = 1.0  # seconds that a line waits for others
# What a pipe takes in one piece (Linux; POSIX says 512 at least), so that the lines of several
# processes do not mix. The end of a file takes any length.
_PIECE = 4096
_MOST = 256 * 1024  # octets that wait for a pipe that nobody reads
_LONGEST = 512  # characters of a target: escaped, and with all the rest, it is less than a piece
_SECOND = timedelta(seconds=1)
_DEVICES = {"/dev", "/dev/fd", "/proc/self/fd"}  # links in there are the system's


class Stream:
    """A descriptor that is what it is: a terminal, a pipe, a device."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def renew(self) -> None:
        """Leave it as it is."""

    def close(self) -> None:
        """Close it; stderr is others' as well."""
        if self.fd != _STDERR:
            os.close(self.fd)


Output = LogFile | Stream


class _Style(NamedTuple):
    line: str  # of time, peer, method, path, status, size, seconds, project, milliseconds
    time: str
    none: str  # what stands for an empty field
    escape: Callable[[str], str]


# Apache's common log format, with seconds and project after it. Readers of it want a version.
_COMMON = _Style(
    '{1} - - [{0}] "{2} {3} HTTP/1.1" {4} {5} {6:.6f} {7}\n',
    "%d/%b/%Y:%H:%M:%S +0000",
    "-",
    lambda text: printable(text.replace("\\", "\\\\").replace('"', '\\"')),
)
_JSON = _Style(
    '{{"time":"{0}.{8:03}+00:00","peer":"{1}","method":"{2}","path":"{3}","status":{4},"size":{5},'
    '"seconds":{6:.6f},"project":"{7}"}}\n',
    "%Y-%m-%dT%H:%M:%S",
    "",
    lambda text: json.dumps(printable(text), ensure_ascii=False)[1:-1],
)


class AccessLog:
    """Appends to a file descriptor, some lines at a time; the last of them at ``close``.

    ``later`` calls a function after so many seconds (``call_later`` of the loop); ``now`` is the
    time that is written. What cannot be written is dropped: the first time, and their number at
    the end, are told in the log.
    """

    def __init__(
        self, output: Output, form: Form, *, later: Later, now: Callable[[], datetime] | None = None
    ) -> None:
        self._output, self._later, self._now = output, later, now or _utc
        self._style = _COMMON if form == "common" else _JSON
        self._since = self._until = datetime.min.replace(tzinfo=UTC)
        self._text = ""  # of the second between them
        self._lines: list[bytes] = []
        self._size = self._lost = 0
        self._torn = self._waiting = False
        self._poll = select.poll()
        self._poll.register(output.fd, select.POLLOUT)

    def write(  # noqa: PLR0913, PLR0917 - the fields of a line
        self,
        peer: str,
        method: str,
        target: str,
        status: int,
        size: int,
        seconds: float,
        slug: str,
    ) -> None:
        """Log a request: who asked for what, and the answer's status, octets and duration.

        ``target`` may have a query, which is left out. ``method`` and ``target`` are empty when
        there was no readable request, ``slug`` when it was no project's.
        """
        now = self._now()
        text = self._style.line.format(
            self._time(now),
            peer,
            self._safe(method),
            self._safe(_path(target)),
            status,
            size,
            seconds,
            slug or self._style.none,
            now.microsecond // 1000,
        )
        self._add(text.encode())

    def _safe(self, text: str) -> str:
        plain = text.isprintable() and '"' not in text and "\\" not in text
        return (text if plain else self._style.escape(text)) or self._style.none

    def _time(self, now: datetime) -> str:
        if not self._since <= now < self._until:
            self._since = now.replace(microsecond=0)
            self._until = self._since + _SECOND
            self._text = now.strftime(self._style.time)
        return self._text

    def _add(self, line: bytes) -> None:
        if self._size + len(line) > _PIECE:
            self.flush()
        if self._size + len(line) > _MOST:
            self._lose(1, "nobody reads it")
            return
        self._lines.append(line)
        self._size += len(line)
        self._wait()

    def _wait(self) -> None:
        if not self._waiting:
            self._waiting = True
            self._later(_PAUSE, self._due)

    def _due(self) -> None:
        self._waiting = False
        self.flush()

    def flush(self) -> None:
        """Write what waits; what would block waits on."""
        self._write_pieces()
        if self._lines:
            self._wait()

    def close(self) -> None:
        """Write what can be written at once, and close the file."""
        self._write_pieces()
        self._lost += len(self._lines)
        self._lines.clear()
        if self._lost:
            _log.warning("access log: lines lost=%d", self._lost)
        self._output.close()

    def _write_pieces(self) -> None:
        if self._lines:
            self._output.renew()
        while self._lines and self._poll.poll(0):
            self._write_piece()

    def _write_piece(self) -> None:
        count = size = 0
        for line in self._lines:
            if count and size + len(line) > _PIECE:
                break
            count, size = count + 1, size + len(line)
        data = b"".join(self._lines[:count])
        del self._lines[:count]
        self._size -= size
        self._append(data, count)

    def _append(self, data: bytes, count: int) -> None:
        mend = b"\n" if self._torn else b""  # a full disk may have taken half a line
        try:
            written = os.write(self._output.fd, mend + data)
        except OSError as error:
            self._lose(count, error.strerror or str(error))
            return
        self._torn = written < len(mend + data)
        if self._torn:
            self._lose(1, "no space left")

    def _lose(self, count: int, why: str) -> None:
        if not self._lost:
            _log.warning("access log: cannot be written, lines are lost reason=%s", why)
        self._lost += count


def open_access_log(where: str, most: int, form: Form, later: Later) -> AccessLog | None:
    """Return the log that the settings ask for: ``off``, ``-`` (stderr) or a file.

    A file is appended to, made for this user only, and moved away when it has ``most`` octets.
    Raises OSError when it cannot be opened, or is not ours alone.
    """
    if where == "off":
        return None
    if where == "-":
        return AccessLog(Stream(_STDERR), form, later=later)
    special = _open_special(where)
    return AccessLog(special or LogFile(Path(where), most), form, later=later)


def _open_special(where: str) -> Stream | None:
    """Return what is no file: a device, a pipe of ours; None when it is one, or is to be made."""
    path = Path(where)
    device = str(path.parent) in _DEVICES
    try:
        if not device and not stat.S_ISFIFO(path.lstat().st_mode):
            return None
    except FileNotFoundError:
        return None
    # A named pipe that nobody reads is an error, not a reason to wait for ever.
    fd = os.open(where, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)
    if device or (os.fstat(fd).st_uid == os.geteuid() and stat.S_ISFIFO(os.fstat(fd).st_mode)):
        return Stream(fd)
    os.close(fd)
    raise NotPrivate(path, "is a pipe of another user")


def _utc() -> datetime:
    return datetime.now(UTC)


def _path(target: str) -> str:
    """Return the path of a target; a host may have a password in front of it."""
    path = target.partition("?")[0].partition("#")[0]
    if not path.startswith("/") and path not in {"", "*"}:
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path if len(path) <= _LONGEST else path[:_LONGEST] + "..."
