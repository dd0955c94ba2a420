"""A backend that takes notes of every byte, and what tells that bytes have arrived."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.wire.proxy.lane.judge import Message, Nonsense, requests
from tests.wire.proxy.through import LONG, Client, Proxy, through
from tests.wire.proxy.upstream import Conversation, Script, Upstream, upstream

TURNS = 6  # of the event loop, in which what has arrived is acted on
HOST = b"Host: alpha.localhost\r\n"
PROBE = b"GET /probe HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"

Replies = Callable[[Message], bytes]


def fine(request: Message) -> bytes:
    """Answer with the request's own first line."""
    method = request.start.partition(b" ")[0]
    body = b"" if method == b"HEAD" else request.start
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.start) + body


def answering(reply: Replies = fine) -> Script:
    """Answer each request that has wholly come, on each connection, until one is nonsense."""

    async def script(talk: Conversation) -> None:
        at = 0
        while await talk.some():
            with suppress(Nonsense):
                whole = [one for one in requests(bytes(talk.seen[at:])) if one.whole]
                at += whole[-1].end if whole else 0
                for one in whole:
                    await talk.say(reply(one))

    return script


@dataclass
class Notes:
    """A router, and what its backend has been sent since ``mark`` was last called."""

    proxy: Proxy
    backend: Upstream
    _marks: list[int] = field(default_factory=list)

    def mark(self) -> None:
        """Begin anew."""
        self._marks = [len(one.seen) for one in self.backend.conversations]

    async def taken(self) -> tuple[list[Message], bool]:
        """Return the whole requests that came, and whether the beginning of one came, too.

        A request of ours goes through first: whatever else is under way then has arrived. Raises
        Nonsense, and TimeoutError when a connection with an unfinished request stays open.
        """
        answer = await self.proxy.ask(PROBE)
        if not answer.startswith(b"HTTP/1.1 200 OK\r\n"):
            raise Nonsense(f"the next request is answered {answer[:80]!r}")
        await turns()
        whole: list[Message] = []
        begun = False
        marks = self._marks + [0] * len(self.backend.conversations)
        for talk, mark in zip(self.backend.conversations, marks, strict=False):
            for one in requests(bytes(talk.seen[mark:])):
                if not one.whole:
                    begun = True
                    await gone(talk)
                elif one.start != b"GET /probe HTTP/1.1":
                    whole.append(one)
        return whole, begun


@asynccontextmanager
async def noted(reply: Replies = fine) -> AsyncIterator[Notes]:
    """Run a router and a backend that takes notes."""
    async with upstream(answering(reply)) as backend, through(backend.port) as proxy:
        yield Notes(proxy, backend)


async def gone(talk: Conversation) -> None:
    """Wait until a connection to the backend has ended."""
    async with asyncio.timeout(LONG):
        await talk.gone.wait()


async def turns(count: int = TURNS) -> None:
    """Let everybody act on what has arrived."""
    for _ in range(count):
        await asyncio.sleep(0)


class Wire:
    """One of our sockets; tells whether the router has read all that was sent through it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._ours: tuple[str, int] = writer.get_extra_info("sockname")
        self._theirs: tuple[str, int] = writer.get_extra_info("peername")
        self._descriptor: int | None = None

    async def read(self) -> bool:
        """Wait until the router has read everything, and had its turns to act on it.

        False where it runs in another process, or reads no more for now: the turns must do.
        """
        done = False
        for _ in range(20):
            await asyncio.sleep(0)
            if self._descriptor is None:
                self._descriptor = self._far_end()
            if done := self._descriptor is not None and not _unread(self._descriptor):
                break
        await turns(3)
        return done

    def _far_end(self) -> int | None:
        """Return the descriptor of the socket at the router, which is in this process."""
        for entry in Path("/dev/fd").iterdir():
            with suppress(OSError):
                end = socket.socket(fileno=int(entry.name))
                try:
                    ends = end.getpeername(), end.getsockname()
                finally:
                    end.detach()
                if ends == (self._ours, self._theirs):
                    return int(entry.name)
        return None


def _unread(descriptor: int) -> int:
    try:
        data = fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0")
    except OSError:
        return 0  # closed
    return int(struct.unpack("i", data)[0])


async def send_in_parts(client: Client | Conversation, *parts: bytes) -> None:
    """Send so that each part arrives by itself."""
    wire = Wire(client.writer)
    for part in parts:
        if part:
            client.writer.write(part)
            await wire.read()
