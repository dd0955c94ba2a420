"""A stream that is the input and output of a program: ``ssh -W``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import cast

from opencoderouter.fleet import process

_HIGH = 1 << 18  # octets that wait here before the program has to
_TAIL = 8192  # octets of its standard error that are kept
# What ssh logs when the other end is connected: by itself, or by its master.
_OPEN = re.compile(rb"open confirm|master session id")


class _Protocol(asyncio.SubprocessProtocol):
    """Takes what the program says as it comes, and never lets it wait for its standard error."""

    def __init__(self) -> None:
        self.transport: asyncio.SubprocessTransport
        self.came, self.settled, self.drained = (asyncio.Event() for _ in range(3))
        self.gone = asyncio.Event()  # the program
        self.over = False  # its output
        self.buffer, self.log = bytearray(), bytearray()
        self.open = False
        self.drained.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 1:
            self.buffer += data
            self.came.set()
            if len(self.buffer) > _HIGH:
                self.output.pause_reading()
            return
        self.log += data
        self.open = self.open or bool(_OPEN.search(self.log))
        del self.log[:-_TAIL]
        if self.open:
            self.settled.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        del exc
        if fd == 1:
            self.over = True
            self.came.set()
        elif fd == 2:  # noqa: PLR2004 - standard error
            self.settled.set()

    def process_exited(self) -> None:
        self.drained.set()
        self.gone.set()

    def pause_writing(self) -> None:
        self.drained.clear()

    def resume_writing(self) -> None:
        self.drained.set()

    @property
    def output(self) -> asyncio.ReadTransport:
        return cast("asyncio.ReadTransport", self.transport.get_pipe_transport(1))

    @property
    def input(self) -> asyncio.WriteTransport:
        return cast("asyncio.WriteTransport", self.transport.get_pipe_transport(0))


class StdioStream:
    """The stream. It is closed when the program has ended."""

    def __init__(self, protocol: _Protocol) -> None:
        self._protocol = protocol

    async def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError."""
        if self._protocol.gone.is_set() or self._protocol.input.is_closing():
            message = "the stream has ended"
            raise BrokenPipeError(message)
        self._protocol.input.write(data)
        await self._protocol.drained.wait()

    async def receive(self, most: int) -> bytes:
        """Return what has come; nothing at the end."""
        protocol = self._protocol
        while not protocol.buffer and not protocol.over:
            protocol.came.clear()
            await protocol.came.wait()
        data = bytes(protocol.buffer[:most])
        del protocol.buffer[:most]
        if len(protocol.buffer) <= _HIGH and not protocol.over:
            protocol.output.resume_reading()
        return data

    async def close(self) -> None:
        """End it, and the program."""
        await _end(self._protocol)


async def opened(
    argv: Sequence[str], environment: Mapping[str, str]
) -> tuple[StdioStream, str] | tuple[None, str]:
    """Start ``ssh -W`` and return its stream once it is connected; else None, and its log.

    Its log level has to be DEBUG2. Raises OSError when it cannot be started.
    """
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.subprocess_exec(
        _Protocol, *argv, env=environment, start_new_session=True
    )
    try:
        await protocol.settled.wait()
    except asyncio.CancelledError:
        await _end(protocol)
        raise
    if protocol.open:
        return StdioStream(protocol), ""
    transport.close()
    return None, protocol.log.decode(errors="replace")


async def _end(protocol: _Protocol) -> None:
    if not protocol.gone.is_set():
        await process.end(protocol.transport.get_pid(), protocol.gone)
    protocol.transport.close()
