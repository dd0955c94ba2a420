"""A client's connection whose bytes are the test's own; answers are read as RFC 9112 frames them.

Nothing here is lenient: an answer that is not framed as it says raises ``Wrong``.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

_LIMIT = 1 << 20


class Wrong(Exception):  # noqa: N818 - an answer, not an error of the program
    """What no router should ever answer."""


@dataclass(frozen=True, slots=True)
class Head:
    """Status and fields of an answer, their names in lower case."""

    status: int
    fields: Mapping[str, str]

    @property
    def last(self) -> bool:
        """Tell whether the connection ends with this answer."""
        return "close" in self.fields.get("connection", "").lower()


@dataclass(slots=True)
class Line:
    """A connection. ``open``: another request may be sent on it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    peer: str
    open: bool = True

    def send(self, data: bytes) -> None:
        """Send; it goes out while the answer is awaited, which may come before all of it is out."""
        self.writer.write(data)

    async def head(self) -> Head:
        """Return the head of the next answer, interim ones left out."""
        while True:
            lines = (await self.reader.readuntil(b"\r\n\r\n"))[:-4].decode("latin-1").split("\r\n")
            head = _head(lines)
            if head.status >= 200 or head.status == 101:
                self.open = self.open and not head.last and head.status != 101
                return head

    async def pieces(self, head: Head, method: str = "GET") -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        coding, length = head.fields.get("transfer-encoding"), head.fields.get("content-length")
        if method == "HEAD" or head.status in {101, 204, 304}:
            return
        if coding is not None:
            if coding.lower() != "chunked" or length is not None:
                raise Wrong(head)
            async for piece in self._chunks():
                yield piece
        elif length is not None:
            yield await self.reader.readexactly(int(length))
        else:
            self.open = False
            yield await self.reader.read()

    async def body(self, head: Head, method: str = "GET") -> bytes:
        """Return the whole body."""
        return b"".join([piece async for piece in self.pieces(head, method)])

    async def ask(self, request: bytes) -> tuple[Head, bytes]:
        """Send a request and return its answer."""
        self.send(request)
        head = await self.head()
        return head, await self.body(head, request.partition(b" ")[0].decode())

    async def events(self, head: Head) -> AsyncIterator[Any]:
        """Yield the events of a stream."""
        kept = b""
        async for piece in self.pieces(head):
            *whole, kept = (kept + piece).split(b"\n\n")
            for event in whole:
                data = [line for line in event.split(b"\n") if line.startswith(b"data: ")]
                for line in data:
                    yield json.loads(line[6:])

    def abort(self) -> None:
        """End it as a client does that is killed with unread data: by a reset."""
        self.open = False
        sock: socket.socket = self.writer.get_extra_info("socket")
        if sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.writer.transport.abort()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := _size(await self.reader.readuntil(b"\r\n")):
            data = await self.reader.readexactly(size + 2)
            if not data.endswith(b"\r\n"):
                raise Wrong(data[-40:])
            yield data[:-2]
        while await self.reader.readuntil(b"\r\n") != b"\r\n":
            pass  # trailers


@asynccontextmanager
async def line(port: int, peer: str = "127.0.0.1") -> AsyncIterator[Line]:
    """Connect to a port of this machine from one of its addresses, any of 127.0.0.0/8."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, local_addr=(peer, 0), limit=_LIMIT
    )
    try:
        yield Line(reader, writer, peer)
    finally:
        writer.transport.abort()


def _head(lines: list[str]) -> Head:
    version, status, *_ = lines[0].split(" ")
    pairs = [line.partition(":") for line in lines[1:]]
    fields = {name.lower(): value.strip() for name, _, value in pairs}
    if version not in {"HTTP/1.1", "HTTP/1.0"} or len(status) != 3 or not all(p[1] for p in pairs):
        raise Wrong(lines)
    return Head(int(status), fields)


def _size(line: bytes) -> int:
    try:
        return int(line.rstrip(b"\r\n"), 16)
    except ValueError:
        raise Wrong(line[:80]) from None
