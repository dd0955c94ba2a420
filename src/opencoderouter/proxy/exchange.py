"""One request and its answer, streamed both ways through one connection to a backend."""

from __future__ import annotations

import asyncio
import socket
import struct
from enum import Enum

from aiohttp import ClientError, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpProcessingError, HttpVersion11, RawResponseMessage
from aiohttp.streams import StreamReader

from opencoderouter.core import headers as fields
from opencoderouter.core.headers import Headers
from opencoderouter.core.plan import Forward
from opencoderouter.proxy import wire
from opencoderouter.proxy.closing import unless
from opencoderouter.proxy.pool import Pool, Upstream
from opencoderouter.proxy.tunnel import tunnel

_DEAD = (ClientError, OSError, HttpProcessingError)  # how a backend's end or nonsense is told
_SWITCHING = 101
_FINAL = 200
_HEADS = 17  # of answers to one request, the final one included; who gives more is broken


class Answered(web.StreamResponse):
    """Tells the server that an answer is on the wire, as far as it will ever be."""

    def __init__(self, status: int, *, keep: bool) -> None:
        super().__init__(status=status)
        self._eof_sent = True
        self._keep_alive = keep


class Unanswered(Enum):
    """Why there is no answer. Nothing was sent to the client."""

    DEAD = "the backend ended before it answered, or answered what is not HTTP"
    MALFORMED = "the body of the request is not what its head says"


class Exchange:
    """Passes one request on and its answer back. Memory is bounded: who is slow is waited for."""

    def __init__(
        self, request: web.Request, plan: Forward, upstream: Upstream, closing: asyncio.Event
    ) -> None:
        self._request, self._plan, self._upstream = request, plan, upstream
        self._closing = closing
        self._client = request.writer
        self._sent = self._malformed = self._read = False

    async def run(self, pool: Pool) -> Answered | Unanswered:
        """Return how it went. The connection goes back to ``pool`` or is closed."""
        try:
            return await self._run()
        finally:
            if self._sent and self._read:
                pool.keep(self._upstream)
            else:
                self._upstream.protocol.abort()

    async def _run(self) -> Answered | Unanswered:
        self._upstream.expect(bodiless=self._request.method == "HEAD")
        head = wire.encode(self._start_line(), self._fields())
        if not await _write(self._upstream.writer, head):
            return Unanswered.DEAD
        if not self._request.body_exists:
            self._sent = True
            return await self._answer()
        async with asyncio.TaskGroup() as group:
            upload = group.create_task(self._upload(), name="upload")
            answer = await self._answer()
            upload.cancel()
        return answer

    def _start_line(self) -> str:
        return f"{self._request.method} {self._plan.target} HTTP/1.1"

    def _fields(self) -> Headers:
        chunked = self._request.body_exists and "Content-Length" not in self._request.headers
        return (*self._plan.headers, *((wire.CHUNKED,) if chunked else ()))

    async def _upload(self) -> None:
        """Send the body. A backend that stops listening may have answered all the same."""
        writer = self._upstream.writer
        if "Content-Length" not in self._request.headers:
            writer.enable_chunking()
        try:
            while chunk := await self._request.content.readany():
                if not await _write(writer, chunk):
                    return
            await writer.write_eof()
            self._sent = True
        except web.RequestPayloadError:
            self._malformed = True
            self._upstream.protocol.abort()
        except (ConnectionError, RuntimeError):  # RuntimeError: how a reader tells of no client
            return

    async def _answer(self) -> Answered | Unanswered:
        """Return when the answer has been passed on to its end."""
        got = await self._head()
        if got is None:
            return Unanswered.MALFORMED if self._malformed else Unanswered.DEAD
        reply, content = got
        if reply.code == _SWITCHING:
            return await self._switch(reply)
        how = wire.framing(self._request.method, self._request.version, reply)
        keep = how.persistent and self._may_stay()
        connection = wire.connection(self._request.version, keep=keep)
        head = wire.reply_head(reply, self._mended(reply), how, connection)
        whole = await self._body(reply, head, content, how)
        if not self._client.output_size:
            return Unanswered.DEAD
        if not whole:
            self._cut(how)
        return Answered(reply.code, keep=whole and keep)

    async def _head(self) -> tuple[RawResponseMessage, StreamReader] | None:
        """Return the final answer's head; interim ones (RFC 9110 section 15.2) are passed on."""
        for _ in range(_HEADS):
            try:
                reply, content = await self._upstream.protocol.read()
            except _DEAD:
                return None
            if reply.code == _SWITCHING and not fields.is_upgrade(self._plan.headers):
                return None
            if reply.code >= _FINAL or reply.code == _SWITCHING:
                return reply, content
            await self._interim(reply)
        return None

    async def _interim(self, reply: RawResponseMessage) -> None:
        if self._request.version >= HttpVersion11:
            await _write(self._client, wire.encode(wire.status_line(reply), self._mended(reply)))
            self._client.output_size = 0  # the final answer has not begun

    def _mended(self, reply: RawResponseMessage) -> Headers:
        authorities = (self._plan.backend.listener.authority, self._request.headers.get("Host", ""))
        return fields.to_client(
            wire.decode(reply.raw_headers),
            prefix=self._plan.prefix,
            authorities=[authority.lower() for authority in authorities if authority],
        )

    def _may_stay(self) -> bool:
        """Tell whether the client's connection may serve another request after this one."""
        whole = self._request.content.is_eof()
        return self._request.keep_alive and whole and not self._closing.is_set()

    async def _switch(self, reply: RawResponseMessage) -> Answered:
        if await _write(self._client, wire.switch_head(reply, self._mended(reply))):
            await tunnel(self._request, self._upstream, self._closing)
        return Answered(reply.code, keep=False)

    async def _body(
        self, reply: RawResponseMessage, head: bytes, content: StreamReader, how: wire.Framing
    ) -> bool:
        """Pass head and body on; True when all of it went out.

        An event stream has no end of its own: it ends well when the router stops.
        """
        copy, stopped = self._copy(head, content, how), False
        if reply.headers.get("Content-Type", "").lower().startswith("text/event-stream"):
            stopped = not await unless(self._closing, copy)
        else:
            await copy
        if not (reply.chunked or how.measured or how.empty) and self._was_reset():
            self._read = False
        return (self._read or stopped) and await _end(self._client)

    async def _copy(self, head: bytes, content: StreamReader, how: wire.Framing) -> None:
        """Write the head, with what has come of the body already, then the rest as it comes."""
        first = await _next(content) if content.total_bytes else b""
        if first is None:
            return
        if how.chunked and first:
            first = b"%x\r\n%b\r\n" % (len(first), first)
        if not await _write(self._client, head + first):
            return
        if how.chunked:
            self._client.enable_chunking()
        while chunk := await _next(content):
            if not await _write(self._client, chunk):
                return
        self._read = chunk is not None

    def _was_reset(self) -> bool:
        """Tell a reset from an end, which look the same to the reader of an unmeasured body."""
        return isinstance(self._upstream.protocol.exception(), OSError)

    def _cut(self, how: wire.Framing) -> None:
        """Let the client see that this is not the end of the body.

        Where its end would be told there is nothing to do: the connection ends without it.
        """
        transport = self._request.transport
        if transport is not None and not how.persistent:
            # A mere close would look like the end; without lingering it is a reset.
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()


async def _next(content: StreamReader) -> bytes | None:
    """Return the next part of an answer's body, nothing at its end, None when it broke off."""
    try:
        return await content.readany()
    except _DEAD:
        return None


async def _write(writer: AbstractStreamWriter, data: bytes) -> bool:
    """Write and wait until more can be taken; False when there is nobody any more."""
    try:
        await writer.write(data)
    except ConnectionError:
        return False
    return True


async def _end(writer: AbstractStreamWriter) -> bool:
    try:
        await writer.write_eof()
    except ConnectionError:
        return False
    return True
