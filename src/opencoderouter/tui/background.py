"""Whether the terminal is dark: asked of itself (OSC 11, as xterm defines it)."""

from __future__ import annotations

import os
import re
import select
import termios
import time
import tty
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

# The second question (DA1) is one that every terminal answers: what follows it, none will.
_QUESTION = b"\x1b]11;?\x1b\\\x1b[c"
_END = re.compile(rb"\x1b\[\?[0-9;]*c")
_COLOUR = re.compile(rb"\x1b\]11;rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)")
_PATIENCE = 0.1  # seconds, after what is done meanwhile
_WEIGHTS = (0.299, 0.587, 0.114)  # of red, green, blue: Rec. 601
_MIDDLE = 0.5
_LIGHT = ("7", "15")  # of COLORFGBG: white and bright white


@contextmanager
def asked(terminal: int, environment: Mapping[str, str]) -> Iterator[Callable[[], bool]]:
    """Ask, and give a function that waits for the answer: True for dark, and where there is none.

    COLORFGBG goes before. The terminal does not echo within the block, so that it can do other
    things while the answer is on its way.
    """
    told = environment.get("COLORFGBG", "").rpartition(";")[2]
    if told or not os.isatty(terminal) or environment.get("TERM", "dumb") in ("dumb", "linux"):
        yield lambda: told not in _LIGHT
        return
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSANOW)
        with suppress(OSError):
            os.write(terminal, _QUESTION)
        yield lambda: is_dark(_answer(terminal))
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)


def _answer(terminal: int) -> bytes:
    """Return what has come, up to the second answer."""
    answer, end = b"", time.monotonic() + _PATIENCE
    while not _END.search(answer):
        rest = max(0, end - time.monotonic())
        if not select.select([terminal], [], [], rest)[0]:
            break
        piece = os.read(terminal, 1024)
        if not piece:
            break
        answer += piece
    return answer


def is_dark(answer: bytes) -> bool:
    """Tell whether the background of an answer is dark; without one it usually is."""
    found = _COLOUR.search(answer)
    if found is None:
        return True
    parts = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
    light: float = sum(weight * part for weight, part in zip(_WEIGHTS, parts, strict=True))
    return light < _MIDDLE
