"""Signals that end ``ocr``: quietly at any moment, and in order while a fleet is open."""

from __future__ import annotations

import errno
import os
import signal
import termios
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def quiet() -> None:
    """From now on a signal ends the program at once, without a word; nothing is open."""
    for number in _wanted():
        signal.signal(number, lambda received, _: os._exit(128 + received))


@contextmanager
def handling(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Give the signals that end us to a handler for the length of a block."""
    before = {number: signal.signal(number, handler) for number in _wanted()}
    try:
        yield
    finally:
        for number, handled in before.items():
            signal.signal(number, handled)


def let_go() -> None:
    """Read and write nowhere where there was a terminal that is gone: Textual would wait for it."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        try:
            termios.tcgetattr(fd)
        except termios.error as error:
            if error.args[0] == errno.EIO:  # else it is no terminal, and may be read
                os.dup2(nowhere, fd)
    os.close(nowhere)


def _wanted() -> list[signal.Signals]:
    """Return the signals that end us. Who ignores SIGHUP (``nohup``) means it."""
    is_kept = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [one for one in _ENDING if not (is_kept and one is signal.SIGHUP)]


class Ending:
    """What the first signal ends; those that follow end nothing more.

    What has been opened is closed after that, undisturbed.
    """

    def __init__(self) -> None:
        self.number = 0
        self._end: Callable[[], object] | None = None

    def received(self, number: int) -> None:
        """Take a signal."""
        if not self.number:
            self.number = number
            if self._end is not None:
                self._end()

    @contextmanager
    def ends(self, end: Callable[[], object]) -> Iterator[None]:
        """Call ``end`` when a signal comes within the block, or has come before."""
        self._end = end
        try:
            if self.number:
                end()
            yield
        finally:
            self._end = None

    async def guard(self, job: Coroutine[Any, Any, int]) -> int:
        """Do a job, unless a signal comes first; return its exit code."""
        import asyncio

        async with asyncio.TaskGroup() as group:
            task: asyncio.Task[int] = group.create_task(job, name="job")
            with self.ends(task.cancel):
                await asyncio.wait([task])
        return self.code(0) if task.cancelled() else task.result()

    def code(self, otherwise: int) -> int:
        """Return the exit code."""
        return 128 + self.number if self.number else otherwise
