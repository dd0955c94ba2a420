"""The processes of a test run, found by a mark in their environment that children inherit."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.rig.wait import until

MARK = "OCR_RIG"


@dataclass(frozen=True, slots=True)
class Marked:
    """A process that carries a mark."""

    pid: int
    argv: str


def marked(mark: str, containing: str = "") -> list[Marked]:
    """Return the living processes that carry ``mark`` and have ``containing`` in their argv."""
    found = (_read(int(entry.name), mark) for entry in Path("/proc").glob("[0-9]*"))
    return [process for process in found if process is not None and containing in process.argv]


def kill(process: Marked, number: int = signal.SIGKILL) -> None:
    """Send a signal, unless the process has just ended."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, number)


def assert_gone(mark: str, containing: str = "", *, within: float = 30) -> None:
    """Assert that soon no such process is left."""
    until(
        lambda: not marked(mark, containing), within=within, what=lambda: marked(mark, containing)
    )


def _read(pid: int, mark: str) -> Marked | None:
    try:
        if f"{MARK}={mark}".encode() not in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            return None
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
    except OSError:  # gone, or another user's
        return None
    return Marked(pid, argv.decode(errors="replace")) if argv else None
