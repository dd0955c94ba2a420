"""A backend that records every byte it is sent, and answers as a test tells it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.wire.proxy.lane.judge import prefix

Script = Callable[["Conversation"], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Conversation:
    """One connection to the backend. ``seen`` is all that came on it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: bytearray = field(default_factory=bytearray)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def head(self) -> bytes:
        """Return the next request head with its empty line. Raises IncompleteReadError."""
        return await self._took(self.reader.readuntil(b"\r\n\r\n"))

    async def exactly(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        return await self._took(self.reader.readexactly(count))

    async def until(self, mark: bytes) -> bytes:
        """Return what comes up to ``mark`` inclusive."""
        return await self._took(self.reader.readuntil(mark))

    async def some(self) -> bytes:
        """Return what comes next; nothing at the end."""
        return await self._took(self.reader.read(65536))

    async def to_end(self) -> None:
        """Read until the other side is gone."""
        try:
            while await self.some():
                pass
        except ConnectionError:
            pass
        self.gone.set()

    async def say(self, data: bytes) -> None:
        """Send, and wait until more may be sent."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Break the connection off as a killed process with unread data does."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.writer.transport.abort()

    async def _took(self, read: Awaitable[bytes]) -> bytes:
        data = await read
        self.seen += data
        return data


@dataclass
class Upstream:
    """The backend: its port, and its conversations in the order of their connections."""

    port: int = 0
    conversations: list[Conversation] = field(default_factory=list)
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def seen(self) -> bytes:
        """Return all that came, on all connections."""
        return b"".join(bytes(one.seen) for one in self.conversations)

    async def conversation(self, number: int = 0) -> Conversation:
        """Return a conversation as soon as it has begun."""
        async with self._more:
            await self._more.wait_for(lambda: len(self.conversations) > number)
        return self.conversations[number]


_running: list[Upstream] = []


class Tally:
    """What the backends of this process have met since it was made, as far as they run still."""

    def __init__(self) -> None:
        self._before = {one.port: len(one.conversations) for one in _running}

    def met(self, ports: set[int]) -> list[Conversation]:
        """Return the conversations of those on ``ports``."""
        conversations: list[Conversation] = []
        for one in _running:
            if one.port in ports:
                conversations += one.conversations[self._before.get(one.port, 0) :]
        return conversations


def requests(talk: Conversation) -> int:
    """Return how many requests were read; after one to switch protocols none is counted."""
    count = 0
    for request in prefix(bytes(talk.seen)):
        count += 1
        if request.all(b"upgrade"):
            break
    return count


def saying(answer: bytes) -> Script:
    """Answer each request on each connection, its body read, with the same bytes."""

    async def script(talk: Conversation) -> None:
        while True:
            await whole(talk)
            await talk.say(answer)

    return script


async def whole(talk: Conversation) -> bytes:
    """Read one request, head and body; return all of it."""
    head = await talk.head()
    fields = head.lower().split(b"\r\n")
    if b"transfer-encoding: chunked" in fields:
        return head + await talk.until(b"0\r\n\r\n")
    length = next((int(f[15:]) for f in fields if f.startswith(b"content-length:")), 0)
    return head + await talk.exactly(length)


@asynccontextmanager
async def upstream(script: Script | bytes = OK) -> AsyncIterator[Upstream]:
    """Run a backend on loopback until the block ends."""
    act = saying(script) if isinstance(script, bytes) else script
    result = Upstream()
    async with asyncio.TaskGroup() as group:

        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talk = Conversation(reader, writer)
            async with result._more:  # noqa: SLF001 - this is its maker
                result.conversations.append(talk)
                result._more.notify_all()  # noqa: SLF001
            try:
                await act(talk)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass  # the router hung up
            finally:
                talk.gone.set()
                writer.close()

        tasks: list[asyncio.Task[None]] = []
        server = await asyncio.start_server(
            lambda r, w: tasks.append(group.create_task(converse(r, w))), "127.0.0.1", 0
        )
        result.port = server.sockets[0].getsockname()[1]
        _running.append(result)
        try:
            yield result
        finally:
            _running.remove(result)
            server.close()
            for task in tasks:
                task.cancel()
