"""WebSockets and other upgrades: a plain tunnel once the backend has switched."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack

import aiohttp
import pytest
from aiohttp import web
from tests.wire.proxy.lane.test_exchange import BIG, flood, resident
from tests.wire.proxy.through import LONG, MODES, Proxy, passed, split, through, value
from tests.wire.proxy.upstream import OK, Conversation, upstream

pytestmark = [pytest.mark.parametrize("mode", MODES), pytest.mark.usefixtures("quiet")]

KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
ASK = ("Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", KEY)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    b"Sec-WebSocket-Protocol: b\r\nSec-WebSocket-Extensions: permessage-deflate; x=1\r\n\r\n"
)
FIRST = b'\x82\r\x00{"cursor":0}'


def head(proxy: Proxy, mode: str, *fields: str) -> bytes:
    """Return a request to switch to WebSocket."""
    return proxy.head(mode, "/pty/pty_1/connect?cursor=0", *ASK, *fields)


async def echo(talk: Conversation) -> None:
    """Switch, then say what is heard, until the other side has finished."""
    await talk.head()
    await talk.say(SWITCH)
    while data := await talk.some():
        await talk.say(data)


async def test_the_first_frame_may_come_with_the_switch(mode: str) -> None:
    """Both in one segment: both arrive, and the handshake's own fields are untouched."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(SWITCH + FIRST)
        await talk.to_end()

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        offers = ("Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Extensions: permessage-deflate")
        await client.send(head(proxy, mode, *offers))
        start, fields, _ = split(await client.head())
        assert start == b"HTTP/1.1 101 Switching Protocols"
        assert sorted(fields) == sorted(split(SWITCH)[1])
        assert await client.exactly(len(FIRST)) == FIRST
        asked = split(backend.seen)[1]
        assert {f.encode() for f in (*offers, KEY)} <= set(asked)
        assert value(asked, b"connection") == [b"Upgrade"]
        assert value(asked, b"upgrade") == [b"websocket"]
        assert value(asked, b"host")[0].endswith(b":%d" % proxy.port)


async def test_the_client_may_not_wait_for_the_switch(mode: str) -> None:
    """What a hasty client sends before it is answered is the tunnel's first."""
    go = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await go.wait()
        await talk.say(SWITCH)
        await talk.say(await talk.exactly(3))

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(head(proxy, mode) + b"ab")
        await backend.conversation()
        await client.send(b"c")
        go.set()
        await client.head()
        assert await client.exactly(3) == b"abc"


async def test_bytes_of_any_kind(mode: str) -> None:
    """Nothing is looked at, whatever the cuts."""
    data = bytes(range(256)) * 4096

    async with upstream(echo) as backend, through(backend.port) as proxy, proxy.client() as client:
        await client.send(head(proxy, mode))
        await client.head()
        async with asyncio.TaskGroup() as group:
            group.create_task(client.send(data))
            assert await client.exactly(len(data)) == data


async def test_other_protocols(mode: str) -> None:
    """An upgrade to anything is passed on, except to cleartext HTTP/2."""

    async def script(talk: Conversation) -> None:
        if b"\r\nUpgrade: " not in await talk.head():
            return await talk.say(OK)
        await talk.say(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: other/1\r\n\r\n")
        return await talk.say(await talk.exactly(2))

    async with upstream(script) as backend, through(backend.port) as proxy:
        async with proxy.client() as client:
            await client.send(proxy.head(mode, "/", "Connection: Upgrade", "Upgrade: other/1"))
            assert value(split(await client.head())[1], b"upgrade") == [b"other/1"]
            await client.send(b"hi")
            assert await client.exactly(2) == b"hi"
        fields = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: x")
        async with proxy.client() as client:
            await client.send(proxy.head(mode, "/", *fields))
            assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("status", [b"400 Bad Request", b"403 Forbidden", b"200 OK"])
async def test_no_switch(mode: str, status: bytes) -> None:
    """A backend that will not switch has its say, and the connection serves the next request."""
    reply = b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nno"
    async with upstream(reply) as backend, through(backend.port) as proxy, proxy.client() as client:
        for _ in range(2):
            await client.send(head(proxy, mode))
            assert await client.head() + await client.exactly(2) == passed(mode, reply)
        await client.send(proxy.head(mode, "/"))
        assert await client.head() + await client.exactly(2) == passed(mode, reply)


@pytest.mark.parametrize("origin", ["http://evil.org", "null"])
async def test_foreign_origin(mode: str, origin: str) -> None:
    """A page of another origin opens no socket; the backend hears nothing."""
    async with upstream(echo) as backend, through(backend.port) as proxy, proxy.client() as client:
        await client.send(head(proxy, mode, f"Origin: {origin}"))
        start, fields, _ = split(await client.head())
        assert start == b"HTTP/1.1 403 Forbidden"
        body = await client.exactly(int(value(fields, b"content-length")[0]))
        assert json.loads(body)["error"] == "foreign_origin"
        assert not backend.conversations


async def test_own_origin(mode: str) -> None:
    """A page of the same origin may."""
    async with upstream(echo) as backend, through(backend.port) as proxy, proxy.client() as client:
        request = head(proxy, mode)
        host = value(split(request)[1], b"host")[0].decode()
        await client.send(head(proxy, mode, f"Origin: http://{host}"))
        assert (await client.head()).startswith(b"HTTP/1.1 101 ")


async def test_the_client_finishes_first(mode: str) -> None:
    """A client that sends no more still gets the rest (half-close), then both ends close."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(SWITCH)
        await talk.to_end()
        await talk.say(b"last words")

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(head(proxy, mode))
        await client.head()
        await client.send(b"bye")
        client.writer.write_eof()
        assert await client.rest() == b"last words"
        assert backend.seen.endswith(b"bye")


async def test_the_backend_finishes_first(mode: str) -> None:
    """A backend that sends no more still gets the rest, then both ends close."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(SWITCH + b"bye")
        talk.writer.write_eof()
        await talk.to_end()

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(head(proxy, mode))
        await client.head()
        assert await client.rest() == b"bye"
        await client.send(b"last words")
        client.writer.write_eof()
        talk = await backend.conversation()
        async with asyncio.timeout(LONG):
            await talk.gone.wait()
        assert talk.seen.endswith(b"last words")


@pytest.mark.parametrize("reset", [True, False])
async def test_the_backend_dies(mode: str, reset: bool) -> None:  # noqa: FBT001
    """The client sees the end at once."""
    go = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(SWITCH)
        await go.wait()
        if reset:
            talk.reset()

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(head(proxy, mode))
        await client.head()
        go.set()
        assert await client.rest() == b""


@pytest.mark.parametrize("reset", [True, False])
async def test_the_client_dies(mode: str, reset: bool) -> None:  # noqa: FBT001
    """The backend sees the end at once."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(SWITCH)
        await talk.to_end()

    async with upstream(script) as backend, through(backend.port) as proxy:
        async with proxy.client() as client:
            await client.send(head(proxy, mode))
            await client.head()
            talk = await backend.conversation()
            if reset:
                Conversation(client.reader, client.writer).reset()
        async with asyncio.timeout(LONG):
            await talk.gone.wait()


async def test_slow_readers(mode: str) -> None:
    """Who does not read makes the other side wait, either way; memory stays bounded."""
    said: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    go = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(SWITCH)
        said.set_result(await flood(talk.say, BIG))
        await go.wait()
        await talk.to_end()

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        before = resident()
        await client.send(head(proxy, mode))
        await client.head()
        assert await flood(client.send, BIG) < BIG // 4
        assert await said < BIG // 4
        assert resident() - before < 32 << 20
        go.set()
        assert len(await client.exactly(said.result())) == said.result()


async def test_a_real_client(mode: str) -> None:
    """A WebSocket library talks to another one through the router: text, binary, ping, close."""
    ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def serve(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=["b"])
        await socket.prepare(request)
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                await socket.send_str(message.data)
            else:
                await socket.send_bytes(message.data)
        ended.set_result(socket.close_code)
        return socket

    app = web.Application()
    app.router.add_get("/ws", serve)
    async with AsyncExitStack() as stack:
        runner = web.AppRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        proxy = await stack.enter_async_context(through(runner.addresses[0][1]))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        url = f"http://127.0.0.1:{proxy.port}{'/alpha' if mode == 'path' else ''}/ws"
        host = {"Host": f"alpha.localhost:{proxy.port}"} if mode == "host" else {}
        socket = await session.ws_connect(url, headers=host, protocols=["a", "b"])
        assert socket.protocol == "b"
        for n in range(6):
            await socket.send_str("ä" * 10**n)
            assert await socket.receive_str() == "ä" * 10**n
        await socket.send_bytes(b"\0" * (1 << 20))
        assert len(await socket.receive_bytes()) == 1 << 20
        await socket.close(code=4000)
        assert await ended == 4000
