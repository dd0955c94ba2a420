"""The machine that the program runs on, as a host of the fleet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from opencoderouter.core.fleet.model import Unreached, Via
from opencoderouter.core.fleet.transport import Completed, NotForwarded, Stream
from opencoderouter.fleet import process, verdict


class LocalLink:
    """Runs commands in the home directory, as a login over SSH would."""

    via: Via = Via.LOCAL
    via_reason: str = ""

    async def run(
        self,
        command: str,
        *,
        stdin: bytes = b"",
        within: float,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Completed | Unreached:
        """Run a command line of ``/bin/sh``, in a session of its own."""
        try:
            async with asyncio.timeout(within):
                return await process.run(
                    ("/bin/sh", "-c", command), stdin=stdin, folder=Path.home(), heard=on_output
                )
        except TimeoutError:
            return verdict.too_slow(within)
        except OSError as error:
            return verdict.broken(f"no command can be run: {error.strerror}")

    async def connect(
        self, port: int, *, address: str = "127.0.0.1", within: float
    ) -> Stream | NotForwarded | Unreached:
        """Open a connection."""
        try:
            async with asyncio.timeout(within):
                reader, writer = await asyncio.open_connection(address, port)
        except OSError as error:  # a TimeoutError is one
            return NotForwarded(verdict.of_socket(error, address).reason)
        return SocketStream(reader, writer)


class SocketStream:
    """A TCP connection of this machine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError."""
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self, most: int) -> bytes:
        """Return what has come; nothing at the end. Raises OSError."""
        return await self._reader.read(most)

    async def close(self) -> None:
        """End it."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
