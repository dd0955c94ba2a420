"""The terminal, lent to another program while the screen waits."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from textual.app import App

from opencoderouter.core.fleet.control import Foreground

# What a program that died may have left on: colours, mouse, paste marks, keypad and cursor modes,
# another screen, another keyboard protocol, a hidden cursor.
_RESET = (
    "\x1b[0m\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?2004l"
    "\x1b[?1l\x1b>\x1b[<u\x1b[?1049l\x1b[?25h"
)
_KEPT = 4096  # octets of stderr
_LINES = 8


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit code (-N: signal N), and the last it said on stderr."""

    code: int
    last: str = ""


async def lend(app: App[Any], program: Foreground) -> Ended:
    """Run a program in the terminal instead of the screen, which is drawn again afterwards.

    Everything else goes on: what is forwarded, and what is asked of hosts. A program that cannot be
    started ends with 127. Raises SuspendNotSupported where there is no terminal to lend.
    """
    # Without the batch Textual would go on to queue frames for a writer that has stopped, and wait
    # for ever when its queue is full.
    with app.batch_update(), app.suspend(), _modes_kept(), _signals_for_it():
        return await _run(program)


async def _run(program: Foreground) -> Ended:
    environment = {**os.environ, **program.environment}
    last = bytearray()
    with _overheard(last) as stderr:
        try:
            process = await asyncio.create_subprocess_exec(
                *program.argv, env=environment, stderr=stderr
            )
        except OSError as error:
            return Ended(127, f"{program.argv[0]}: {error.strerror}")
        async with _ended(process):
            code = await process.wait()
    return Ended(code, _tail(last))


@asynccontextmanager
async def _ended(process: asyncio.subprocess.Process) -> AsyncIterator[None]:
    """End the program with what waits for it."""
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


@contextmanager
def _overheard(last: bytearray) -> Iterator[int]:
    """Copy to the terminal what is written to the descriptor; keep the last of it.

    The end of the program is the end, whoever else has its stderr by then: ``ssh -f`` leaves a
    process behind.
    """
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def copy() -> None:
        with suppress(BlockingIOError):
            data = os.read(reading, 65_536)
            os.write(2, data)
            last.extend(data)
            del last[:-_KEPT]

    loop = asyncio.get_running_loop()
    loop.add_reader(reading, copy)
    try:
        yield writing
        copy()
    finally:
        loop.remove_reader(reading)
        os.close(reading)
        os.close(writing)


def _tail(last: bytearray) -> str:
    lines = (line.strip() for line in last.decode(errors="replace").splitlines())
    return "\n".join([line for line in lines if line][-_LINES:])


@contextmanager
def _modes_kept() -> Iterator[None]:
    """Put the terminal into the state that it had before, whatever was done to it."""
    try:
        before = termios.tcgetattr(0)
    except termios.error:  # no terminal: nothing to keep
        yield
        return
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        print(_RESET, end="", file=sys.__stderr__, flush=True)


@contextmanager
def _signals_for_it() -> Iterator[None]:
    r"""Let Ctrl+C and Ctrl+\ be the program's alone. It does not inherit a handler."""
    kept = {
        number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGQUIT)
    }
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
