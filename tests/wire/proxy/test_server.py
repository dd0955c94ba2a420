"""Serving on twins, and the end: what finishes, what ends at once, what is cut."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest
from tests.wire.proxy.through import LONG, split, through, value
from tests.wire.proxy.upstream import OK, Conversation, upstream

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Expect no warning in the log: an end is worth none."""
    yield
    assert [r for r in caplog.get_records("call") if r.levelno >= logging.WARNING] == []


async def test_both_twins_serve() -> None:
    """IPv4 and IPv6 loopback reach the same router, and X-Forwarded-For says which it was."""
    async with upstream() as backend, through(backend.port) as proxy:
        for address, host in (("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")):
            reader, writer = await asyncio.open_connection(address, proxy.port)
            request = f"GET /alpha/ HTTP/1.1\r\nHost: {host}:{proxy.port}\r\n\r\n"
            writer.write(request.encode())
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
            writer.close()
        peers = value(split(backend.seen)[1], b"x-forwarded-for")
        assert peers[0] == b"127.0.0.1"
        assert b"\r\nX-Forwarded-For: ::1\r\n" in backend.seen


async def test_requests_may_finish() -> None:
    """A request under way is answered; then its connection ends, and nothing new is accepted."""
    go = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await go.wait()
        await talk.exactly(3)
        await talk.say(OK)

    async with (
        upstream(script) as backend,
        through(backend.port, grace=1000) as proxy,
        proxy.client() as client,
        proxy.client() as idle,
    ):
        await client.send(proxy.head("host", "/", "Content-Length: 3", method="POST"))
        await backend.conversation()
        await idle.send(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await idle.head()
        proxy.stopping.set()
        assert (await idle.rest()).endswith(b"}")
        assert proxy.context.closing.is_set()
        with pytest.raises(ConnectionError):
            await proxy.ask(b"")
        await client.send(b"abc")
        go.set()
        answer = await client.rest()
        assert answer.endswith(b"\r\n\r\nok")
        assert b"Connection: close" in answer
        async with asyncio.timeout(LONG):
            await proxy.stopped.wait()


async def test_streams_and_tunnels_end_at_once() -> None:
    """Neither has an end of its own: they do not use up the grace."""

    async def script(talk: Conversation) -> None:
        if b"Upgrade" in await talk.head():
            await talk.say(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        else:
            await talk.say(STREAM)
        await talk.to_end()

    async with (
        upstream(script) as backend,
        through(backend.port, grace=1000) as proxy,
        proxy.client() as stream,
        proxy.client() as tunnel,
        proxy.client() as own,
    ):
        await stream.send(proxy.head("host", "/event"))
        await stream.head()
        await tunnel.send(proxy.head("host", "/", "Connection: Upgrade", "Upgrade: x"))
        await tunnel.head()
        await own.send(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await own.head()
        proxy.stopping.set()
        assert await stream.rest() == b"0\r\n\r\n"
        await tunnel.rest()
        assert (await own.rest()).endswith(b"0\r\n\r\n")
        async with asyncio.timeout(LONG):
            await proxy.stopped.wait()
        for talk in backend.conversations:
            async with asyncio.timeout(LONG):
                await talk.gone.wait()


async def test_the_rest_is_cut() -> None:
    """What has not finished when the grace is over ends then, and the backend hears of it."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.to_end()

    async with (
        upstream(script) as backend,
        through(backend.port, grace=0.05) as proxy,
        proxy.client() as silent,
        proxy.client() as idle,
        proxy.client() as half,
    ):
        await idle.send(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await idle.head()
        await half.send(b"GET / HT")
        await silent.send(proxy.head("host", "/session/ses_1/message", method="POST"))
        talk = await backend.conversation()
        proxy.stopping.set()
        assert await silent.rest() == b""
        assert (await idle.rest()).endswith(b"}")
        assert await half.rest() == b""
        async with asyncio.timeout(LONG):
            await talk.gone.wait()
            await proxy.stopped.wait()
