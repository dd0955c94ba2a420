"""Plain forwarding by aiohttp, a request at a time and bodies in memory: what the lane must equal.

Only ``core`` is shared with the router: what to do with a request, and which fields go on. Where
aiohttp cannot do what HTTP asks for, and the lane can, the two are known to differ:

* it drops trailer fields, and knows nothing of interim answers;
* it refuses octets above 0x7f in a target, as the lane does, but also some legal methods;
* it refuses some fields that come twice (Content-Type, User-Agent), in requests and in answers;
* it takes a length beside chunks in an answer for true.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from aiohttp import ClientError, web
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError, HttpVersion11, RawResponseMessage, StreamWriter
from tests.fakes import LET_IN

from opencoderouter.core.headers import Headers
from opencoderouter.core.hosts import Names
from opencoderouter.core.plan import (
    Forward,
    Head,
    Links,
    Local,
    Redirect,
    Unauthenticated,
    plan,
)
from opencoderouter.core.refusals import Refuse
from opencoderouter.core.responses import SANDBOX, to_client
from opencoderouter.core.table import Table

_LIMIT = 1 << 16


class Sent(web.StreamResponse):
    """Tells the server that the answer is on the wire."""

    def __init__(self, status: int, *, keep: bool) -> None:
        super().__init__(status=status)
        self._eof_sent = True
        self._keep_alive = keep


@asynccontextmanager
async def oracle(table: Callable[[], Table], names: Names) -> AsyncIterator[int]:
    """Serve until the block ends; yield the port."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        head = Head(
            request.method, request.raw_path, _text(request.raw_headers), request.remote or ""
        )
        body = await request.content.read()
        match plan(head, table(), names, LET_IN):
            case Forward() as forward:
                return await _forward(request, forward, body)
            case Refuse(status, _, _, _) | Redirect(status):
                return _bare(request, status)
            case Links():
                return _bare(request, 300)
            case Local():
                return _bare(request, 200)
            case Unauthenticated():
                return _bare(request, 401)

    server = web.Server(
        answer, auto_decompress=False, max_line_size=_LIMIT, max_field_size=_LIMIT, max_headers=256
    )
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await server.shutdown(0)


async def _forward(request: web.BaseRequest, forward: Forward, body: bytes) -> web.StreamResponse:
    loop = asyncio.get_running_loop()
    listener = forward.backend.listener
    _, protocol = await loop.create_connection(
        lambda: ResponseHandler(loop), listener.target, listener.port
    )
    try:
        protocol.set_response_params(
            skip_payload=request.method == "HEAD",
            read_until_eof=True,
            auto_decompress=False,
            max_line_size=_LIMIT,
            max_field_size=_LIMIT,
            max_headers=256,
        )
        writer = StreamWriter(protocol, loop)
        await writer.write(_asked(request, forward))
        if request.body_exists and "Content-Length" not in request.headers:
            writer.enable_chunking()
        await writer.write_eof(body)
        reply, content = await protocol.read()
        data = await content.read()
    except (ClientError, OSError, HttpProcessingError):
        return _bare(request, 502)
    finally:
        protocol.abort()
    return await _passed_on(request, forward, reply, data)


def _asked(request: web.BaseRequest, forward: Forward) -> bytes:
    chunked = request.body_exists and "Content-Length" not in request.headers
    framing = (("Transfer-Encoding", "chunked"),) if chunked else ()
    return _head(f"{request.method} {forward.target} HTTP/1.1", (*forward.headers, *framing))


async def _passed_on(
    request: web.BaseRequest, forward: Forward, reply: RawResponseMessage, body: bytes
) -> web.StreamResponse:
    """Write the answer, framed by its length."""
    host = request.headers.get("Host", "")
    mended = to_client(
        _text(reply.raw_headers),
        prefix=forward.prefix,
        authorities=[forward.backend.listener.authority.lower(), host.lower()],
    )
    boxed = SANDBOX if forward.prefix else ()
    kept = [
        (k, v)
        for k, v in (*mended, *boxed)
        if k.lower() not in {"content-length", "transfer-encoding"}
    ]
    if request.method != "HEAD" and reply.code not in {204, 304}:
        kept.append(("Content-Length", str(len(body))))
    keep = bool(request.keep_alive)
    if not keep:
        kept.append(("Connection", "close"))
    elif request.version < HttpVersion11:
        kept.append(("Connection", "keep-alive"))
    start = f"HTTP/1.1 {reply.code} {reply.reason}"
    await request.writer.write(_head(start, tuple(kept)) + body)
    return Sent(reply.code, keep=keep)


def _bare(request: web.BaseRequest, status: int) -> web.Response:
    """Answer with a status alone: what the router says besides is its own business."""
    response = web.Response(status=status)
    if status == 400 or not request.keep_alive:
        response.force_close()
    return response


def _text(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    return tuple((k.decode(), v.decode("utf-8", "surrogateescape")) for k, v in raw)


def _head(start: str, headers: Headers) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")
