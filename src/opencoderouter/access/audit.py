"""The audit log: who came in, who was refused, what was started and stopped. JSON, a line each."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from opencoderouter import private
from opencoderouter.core.printable import printable
from opencoderouter.logfile import KEEP, LogFile, rotated

_log = logging.getLogger(__name__)
Later = Callable[[float, Callable[[], None]], object]
Event = Mapping[str, object]

_LINE = 4096  # octets: lines of several processes do not mix
_TEXTS = (
    512,
    128,
    32,
    8,
)  # characters of a fact, the first of these that makes a line short enough
THINNED = frozenset({"refused", "login_failed"})  # events that strangers can cause without end
_PAUSE = 60.0  # seconds for which repetitions are counted
_SPAN = timedelta(seconds=_PAUSE)
_ORIGINS = 1024  # that are counted apart; all others together
_OTHERS = "others"


@dataclass(slots=True)
class _Repeated:
    since: datetime
    number: int = 0


class Audit:
    """Appends to a file that several processes share; nothing in it is ever changed.

    ``now`` is the time that is written; ``later`` calls a function after so many seconds. Of
    refusals of one origin the first is written, then their number once a minute. What cannot be
    written is lost, which is logged once. Raises NotPrivate or OSError when the file cannot be
    opened.
    """

    def __init__(
        self, path: Path, most: int, *, later: Later, now: Callable[[], datetime] | None = None
    ) -> None:
        private.directory(path.parent)
        self._file = LogFile(path, most)
        self._later, self._now = later, now or _utc
        self._repeated: dict[tuple[str, str], _Repeated] = {}
        self._failed = self._torn = self._waiting = False

    def record(self, event: str, /, **facts: object) -> None:
        """Write one event; ``origin`` is where it came from. No secret is among the facts."""
        if event not in THINNED or self._is_first(event, str(facts.get("origin", ""))):
            self._write({"event": event, **facts})

    def flush(self) -> None:
        """Write how often refusals were repeated that are a minute old."""
        self._waiting = False
        now = self._now()
        old = [key for key, found in self._repeated.items() if now - found.since >= _SPAN]
        self._tell(old)
        self._wait()

    def close(self) -> None:
        """Write what is left to be told, and close the file."""
        self._tell(list(self._repeated))
        self._file.close()

    def _is_first(self, event: str, origin: str) -> bool:
        key = (event, origin)
        if key not in self._repeated and len(self._repeated) >= _ORIGINS:
            key = (event, _OTHERS)
        found = self._repeated.get(key)
        if found is not None:
            found.number += 1
            return False
        self._repeated[key] = _Repeated(self._now())
        self._wait()
        return True

    def _wait(self) -> None:
        if self._repeated and not self._waiting:
            self._waiting = True
            self._later(_PAUSE, self.flush)

    def _tell(self, keys: list[tuple[str, str]]) -> None:
        for event, origin in keys:
            found = self._repeated.pop((event, origin))
            if found.number:
                self._write({"event": event, "origin": origin, "repeated": found.number})

    def _write(self, facts: Event) -> None:
        self._file.renew()
        line = b"\n" * self._torn + _line({"time": _text(self._now()), **facts})
        try:
            self._torn = os.write(self._file.fd, line) < len(line)  # the disk is full
        except OSError as error:
            if not self._failed:
                _log.error("audit log: cannot be written, events are lost error=%s", error)
            self._failed = True


def newest(path: Path, number: int) -> list[Event]:
    """Return the last events, oldest first, from the files of before too.

    Lines that are none are left out. Raises NotPrivate, or OSError.
    """
    found: list[Event] = []
    for name in (path, *(rotated(path, before) for before in range(1, KEEP + 1))):
        if len(found) >= number:
            break
        try:
            lines = private.read(name, mend=True).splitlines()[len(found) - number :]
        except FileNotFoundError:
            break
        found = [event for line in lines if (event := _parsed(line)) is not None] + found
    return found[-number:]


def _parsed(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _line(facts: Event) -> bytes:
    """Return the line, with texts that are as long as they can be; those of others cannot forge."""
    line = b""
    for most in _TEXTS:
        short = {name: _short(value, most) for name, value in facts.items() if value is not None}
        line = json.dumps(short, ensure_ascii=False).encode() + b"\n"
        if len(line) <= _LINE:
            break
    return line


def _short(value: object, most: int) -> object:
    if isinstance(value, bool | int | float):
        return value
    text = printable(str(value))
    return text if len(text) <= most else f"{text[:most]}..."


def _text(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")


def _utc() -> datetime:
    return datetime.now(UTC)
