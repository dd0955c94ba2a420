"""Bodies both ways: at once, in bounded memory, and what each side sees of the other's end."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.wire.proxy.through import LONG, MODES, split, through
from tests.wire.proxy.upstream import OK, Conversation, upstream, whole

pytestmark = [pytest.mark.parametrize("mode", MODES), pytest.mark.usefixtures("quiet")]

BIG = 200 << 20
PIECE = b"x" * (1 << 16)
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def resident() -> int:
    """Return the resident set of this process, router and backends and clients, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def test_events_come_at_once(mode: str) -> None:
    """Each event arrives while the backend waits for the next sign; the stream stays open."""
    sign = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(STREAM)
        for n in range(3):
            await sign.wait()
            sign.clear()
            await talk.say(b"9\r\ndata: %d\n\n\r\n" % n)
        await talk.to_end()

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(proxy.head(mode, "/event"))
        assert b"Content-Type: text/event-stream" in split(await client.head())[1]
        for n in range(3):
            sign.set()
            assert await client.exactly(14) == b"9\r\ndata: %d\n\n\r\n" % n


async def test_request_body_streams(mode: str) -> None:
    """The backend gets the first part of a body before the client has the second."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(CHUNKED)
        while data := await talk.some():
            await talk.say(b"%x\r\n%b\r\n" % (len(data), data))

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(proxy.head(mode, "/", "Transfer-Encoding: chunked", method="POST"))
        await client.head()
        for _ in range(3):
            await client.send(b"3\r\nabc\r\n")
            echo = b"3\r\nabc\r\n"
            assert await client.exactly(len(echo) + 5) == b"8\r\n" + echo + b"\r\n"


async def flood(send: Callable[[bytes], Awaitable[None]], total: int) -> int:
    """Send until no more is taken for a second; return how much was."""
    sent = 0
    while sent < total:
        try:
            async with asyncio.timeout(1):
                await send(PIECE)
        except TimeoutError:
            return sent
        sent += len(PIECE)
    return sent


async def test_slow_client(mode: str) -> None:
    """A client that does not read slows the backend; memory stays bounded; then all arrives."""
    said: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG)
        said.set_result(await flood(talk.say, BIG))
        await talk.writer.drain()
        for _ in range((BIG - said.result()) // len(PIECE) - 1):
            await talk.say(PIECE)

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        before = resident()
        await client.send(proxy.head(mode, "/"))
        await client.head()
        assert await said < BIG // 4
        assert resident() - before < 32 << 20
        left = BIG
        while left:
            part = await client.reader.read(min(left, 1 << 20))
            assert part
            left -= len(part)
        assert resident() - before < 32 << 20


async def test_slow_backend(mode: str) -> None:
    """A backend that does not read slows the client; memory stays bounded; then all arrives."""
    go, got = asyncio.Event(), 0

    async def script(talk: Conversation) -> None:
        nonlocal got
        await talk.head()
        await go.wait()
        while got < BIG:
            got += len(await talk.reader.read(1 << 20))
        await talk.say(OK)

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        before = resident()
        await client.send(proxy.head(mode, "/", f"Content-Length: {BIG}", method="POST"))
        sent = await flood(client.send, BIG)
        assert sent < BIG // 4
        assert resident() - before < 32 << 20
        go.set()
        await client.writer.drain()
        for _ in range((BIG - sent) // len(PIECE) - 1):
            await client.send(PIECE)
        assert (await client.head()).startswith(b"HTTP/1.1 200 OK")
        assert got == BIG


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize(
    ("start", "part"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"abc"),
        (CHUNKED, b"3\r\nabc\r\n"),
        (STREAM, b"3\r\nabc\r\n"),
    ],
)
async def test_the_backend_dies_in_the_middle(
    mode: str,
    start: bytes,
    part: bytes,
    reset: bool,  # noqa: FBT001
) -> None:
    """What came arrives; then the connection ends without an end of the body, at once."""
    go = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(start + part)
        await go.wait()
        if reset:
            talk.reset()

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(proxy.head(mode, "/"))
        await client.head()
        assert await client.exactly(len(part)) == part
        go.set()
        assert await client.rest() == b""


async def test_the_backend_is_reset_where_an_end_is_no_news(mode: str) -> None:
    """A body that lasts as long as its connection is not taken for whole after a reset."""
    go = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(b"HTTP/1.1 200 OK\r\n\r\nabc")
        await go.wait()
        talk.reset()

    async with upstream(script) as backend, through(backend.port) as proxy:
        async with proxy.client() as client:
            await client.send(proxy.head(mode, "/"))
            await client.head()
            assert await client.exactly(8) == b"3\r\nabc\r\n"
            go.set()
            assert await client.rest() == b""
        go.clear()
        async with proxy.client() as client:
            await client.send(proxy.head(mode, "/").replace(b"HTTP/1.1", b"HTTP/1.0"))
            await client.head()
            assert await client.exactly(3) == b"abc"
            go.set()
            with pytest.raises(ConnectionResetError):
                await client.rest()


@pytest.mark.parametrize("when", ["silent", "streaming", "uploading", "expecting"])
async def test_the_client_goes_away(mode: str, when: str) -> None:
    """The backend hears of it at once, whatever it was doing."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        if when == "streaming":
            await talk.say(STREAM)
        await talk.to_end()

    async with upstream(script) as backend, through(backend.port) as proxy:
        async with proxy.client() as client:
            body = [] if when == "streaming" else ["Content-Length: 9"]
            fields = [*body, *(["Expect: 100-continue"] if when == "expecting" else [])]
            request = proxy.head(mode, "/session/ses_1/message", *fields, method="POST")
            await client.send(request + (b"123456789" if when == "silent" else b""))
            talk = await backend.conversation()
            if when == "streaming":
                await client.head()
        async with asyncio.timeout(LONG):
            await talk.gone.wait()


async def test_the_client_goes_away_without_reading(mode: str) -> None:
    """A client that is gone while the backend is held back for it is noticed, too."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(CHUNKED)
        while True:
            await talk.say(b"10000\r\n%b\r\n" % PIECE)

    async with upstream(script) as backend, through(backend.port) as proxy:
        async with proxy.client() as client:
            await client.send(proxy.head(mode, "/"))
            await client.head()
            talk = await backend.conversation()
        async with asyncio.timeout(LONG):
            await talk.gone.wait()


@pytest.mark.parametrize("ending", ["stays", "closes"])
async def test_early_answer(mode: str, ending: str) -> None:
    """An answer that comes before the body is sent arrives, and is the connection's last."""

    async def script(talk: Conversation) -> None:
        if (await talk.head()).startswith(b"GET"):
            await talk.say(OK)
            return
        await talk.exactly(1000)
        await talk.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        if ending == "stays":
            await talk.to_end()

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(proxy.head(mode, "/", f"Content-Length: {BIG}", method="POST"))
        await client.send(b"x" * 1000)
        start, fields, _ = split(await client.head())
        assert start == b"HTTP/1.1 413 Too Large"
        assert b"Connection: close" in fields
        assert await client.rest() == b"big"
        assert (await proxy.ask(proxy.head(mode, "/", "Connection: close"))).endswith(b"ok")
        async with asyncio.timeout(LONG):
            await (await backend.conversation()).gone.wait()


async def test_early_answer_to_a_client_that_keeps_sending(mode: str) -> None:
    """Nor does a client lose the answer that reads only after it has sent some more."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await talk.to_end()

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(proxy.head(mode, "/", f"Content-Length: {1 << 24}", method="POST"))
        for _ in range((1 << 24) // len(PIECE)):
            await client.send(PIECE)
        assert (await client.rest()).endswith(b"\r\n\r\nbig")


@pytest.mark.parametrize("bad", [b"xyz\r\n", b"3\r\nabcd\r\n", b"-1\r\n"])
async def test_malformed_body(mode: str, bad: bytes) -> None:
    """A body that is no chunks ends the request at the backend, and is 400 for the client."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.to_end()

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(proxy.head(mode, "/", "Transfer-Encoding: chunked", method="POST"))
        talk = await backend.conversation()
        await client.send(b"3\r\nabc\r\n" + bad)
        assert (await client.rest()).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        async with asyncio.timeout(LONG):
            await talk.gone.wait()
        assert not talk.seen.endswith(b"0\r\n\r\n")


async def test_large_bodies_both_ways(mode: str) -> None:
    """What goes in comes out, whatever the cuts."""
    body = bytes(range(256)) * (1 << 14)

    async def script(talk: Conversation) -> None:
        while True:
            got = (await whole(talk)).partition(b"\r\n\r\n")[2]
            await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(got) + got)

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        for _ in range(3):
            fields = f"Content-Length: {len(body)}"
            await client.send(proxy.head(mode, "/", fields, method="PUT") + body)
            await client.head()
            assert await client.exactly(len(body)) == body
