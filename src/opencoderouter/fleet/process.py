"""Programs of this machine, run to their end, and ended with all they have started."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from opencoderouter.core.fleet.model import Unreached
from opencoderouter.core.fleet.transport import Completed
from opencoderouter.fleet import verdict

MOST_OUTPUT = 16 << 20
_TAIL = (
    16384  # octets of what ssh says: banners of hosts, which may have no end, then why it failed
)
_PATIENCE = 0.5  # seconds that a program has to end when it is asked to


@dataclass(frozen=True, slots=True)
class Command:
    """A command line for a shell. ``heard`` gets each piece of stdout as it comes."""

    line: str
    stdin: bytes = b""
    heard: Callable[[bytes], None] | None = None


class _Protocol(asyncio.SubprocessProtocol):
    """Collects what a program says. ``over``: it has ended and said all, or too much."""

    def __init__(self, heard: Callable[[bytes], None] | None) -> None:
        self._heard = heard
        self._open: set[int] = set()
        self.said = {1: bytearray(), 2: bytearray()}
        self.is_too_much = False
        self.over, self.exited = asyncio.Event(), asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        process = cast("asyncio.SubprocessTransport", transport)
        self._open = {fd for fd in self.said if process.get_pipe_transport(fd) is not None}

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.said[fd] += data
        if fd == 1 and self._heard is not None:
            self._heard(data)
        if len(self.said[fd]) > MOST_OUTPUT:
            self.is_too_much = True
            self.over.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        del exc
        self._open.discard(fd)
        self._look()

    def process_exited(self) -> None:
        self.exited.set()
        self._look()

    def _look(self) -> None:
        if self.exited.is_set() and not self._open:
            self.over.set()


async def run(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    heard: Callable[[bytes], None] | None = None,
) -> Completed | Unreached:
    """Run a program until it has ended and its output is closed.

    When this is cancelled, or the program says too much, all that it has started in its session is
    ended. ``heard`` gets each piece of stdout. Raises OSError when it cannot be started.
    """
    pipe = asyncio.subprocess.PIPE
    return await _run(_Protocol(heard), argv, stdin, environment, folder, (pipe, pipe, pipe))


async def launch(argv: Sequence[str], environment: Mapping[str, str], said: IO[bytes]) -> int:
    """Run a program that leaves another one behind, and return its exit code.

    What it says goes to a file: that other one holds on to it, and would to a pipe.
    """
    nothing = asyncio.subprocess.DEVNULL
    files = (nothing, nothing, said.fileno())
    done = await _run(_Protocol(None), argv, b"", environment, None, files)
    return done.code if isinstance(done, Completed) else -1


def tail(said: IO[bytes]) -> str:
    """Return the end of what a program has said to a file: its last 16 KB."""
    said.seek(max(0, said.seek(0, os.SEEK_END) - _TAIL))
    return said.read(_TAIL).decode(errors="replace")


async def _run(
    protocol: _Protocol,
    argv: Sequence[str],
    stdin: bytes,
    environment: Mapping[str, str] | None,
    folder: Path | None,
    files: tuple[int, int, int],
) -> Completed | Unreached:
    transport, _ = await asyncio.get_running_loop().subprocess_exec(
        lambda: protocol,
        *argv,
        stdin=files[0],
        stdout=files[1],
        stderr=files[2],
        env=environment,
        cwd=folder,
        start_new_session=True,
    )
    try:
        if (writer := transport.get_pipe_transport(0)) is not None:
            cast("asyncio.WriteTransport", writer).write(stdin)
            writer.close()  # when all is written
        await protocol.over.wait()
        if protocol.is_too_much:
            return verdict.too_much(MOST_OUTPUT)
        code = transport.get_returncode()
        stdout, stderr = (bytes(one) for one in protocol.said.values())
        return Completed(-1 if code is None else code, stdout, stderr)
    finally:
        if not protocol.over.is_set() or protocol.is_too_much:
            await end(transport.get_pid(), protocol.exited)
        transport.close()


async def end(leader: int, exited: asyncio.Event) -> None:
    """End a program that leads a session, and what is in that session."""
    with suppress(TimeoutError):
        _send(leader, signal.SIGTERM)
        async with asyncio.timeout(_PATIENCE):
            await exited.wait()
    _send(leader, signal.SIGKILL)  # what did not listen, or has lost its leader
    await exited.wait()


def _send(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
