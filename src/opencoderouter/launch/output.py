"""The last lines that a server printed."""

from __future__ import annotations

import re
from collections import deque

LINES = 200
_WIDTH = 2000  # characters of a line that are kept
_RAW = 4 * _WIDTH  # bytes of a line that has not ended; a character has four at most

# ECMA-48: control sequences, strings (titles, links) with their end, other escapes.
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Output:
    """Takes bytes as they come, however many; keeps the last ``LINES`` lines as plain text.

    Bytes that are not UTF-8 are replaced; what only a terminal understands is left out.
    """

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=LINES)
        self._rest = b""

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the lines, oldest first; the last one may not have ended yet."""
        unfinished = (plain(self._rest),) if self._rest else ()
        return (*self._lines, *unfinished)[-LINES:]

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._lines.extend(plain(line) for line in lines[-LINES:])
        self._rest = rest[:_RAW]

    def end(self) -> None:
        """Take note that nothing follows what was read."""
        if self._rest:
            self.feed(b"\n")


def last_lines(data: bytes) -> tuple[str, ...]:
    """Return the last ``LINES`` lines of what was printed."""
    output = Output()
    output.feed(data)
    return output.lines


def plain(line: bytes) -> str:
    """Return one line as text: what a terminal would show, bounded."""
    text = line[:_RAW].decode(errors="replace").rstrip("\r")
    text = _CONTROL.sub("", _ESCAPE.sub("", text.rpartition("\r")[2]))
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
