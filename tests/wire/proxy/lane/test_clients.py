"""Clients that finish early, vanish at each stage, do not read, or send without end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.wire.proxy.lane.judge import answers, requests
from tests.wire.proxy.lane.notes import HOST, Wire, answering, gone, turns
from tests.wire.proxy.lane.test_exchange import BIG, flood, resident
from tests.wire.proxy.through import LONG, Client, through
from tests.wire.proxy.upstream import OK, Conversation, upstream

pytestmark = pytest.mark.usefixtures("quiet")

GET = b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /x HTTP/1.1\r\n" + HOST
REFUSED = b"GET / HTTP/1.1\r\nHost: evil.org\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
UPGRADE = b"GET /x HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: other/1\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other/1\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
ROOM = 32 << 20  # octets that everybody in this process may need

WHOLE = {
    "get": GET,
    "head": GET.replace(b"GET", b"HEAD"),
    "length": POST + b"Content-Length: 5\r\n\r\nhello",
    "chunks": POST + CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
    "pair": GET + POST + b"Content-Length: 5\r\n\r\nhello",
    "three": GET + GET.replace(b"/x", b"/y") + GET.replace(b"/x", b"/z"),
    "old": GET.replace(b"/1.1", b"/1.0"),
    "own": b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("apart", [False, True])
async def test_a_client_that_finishes(name: str, apart: bool) -> None:  # noqa: FBT001
    """Who sends no more after its requests gets all answers, then the connection ends."""
    methods = [line.split()[0] for line in WHOLE[name].split(b"\r\n") if b" HTTP/1." in line]
    async with (
        upstream(answering()) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(WHOLE[name])
        if apart:
            await Wire(client.writer).read()
        client.writer.write_eof()
        told = answers(await client.rest(), methods)
        assert [(one.status, one.whole) for one in told] == [(200, True)] * len(methods)


async def test_a_client_that_finishes_long_before_the_answer() -> None:
    """Its end is not taken for its death while the backend thinks; nor while an answer comes."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await go.wait()
        await talk.say(STREAM)
        await go_on.wait()
        await talk.say(b"2\r\nde\r\n0\r\n\r\n")
        await talk.to_end()

    go, go_on = asyncio.Event(), asyncio.Event()
    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(GET)
        await backend.conversation()
        client.writer.write_eof()
        await turns(50)
        go.set()
        await client.head()
        await turns(50)
        go_on.set()
        assert (await client.rest()).endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("body", [b"Content-Length: 9\r\n\r\n1234", CHUNKED + b"5\r\nhe", CHUNKED])
async def test_a_client_that_finishes_too_early(body: bytes) -> None:
    """Half a body ends the request at the backend; the client hears 400, or nothing."""
    async with (
        upstream(answering()) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(POST + body)
        talk = await backend.conversation()
        await Wire(client.writer).read()
        client.writer.write_eof()
        told = answers(await client.rest())
        assert [one.status for one in told] in ([], [400])
        await gone(talk)
        assert not any(one.whole for one in requests(bytes(talk.seen)))


GONE: dict[str, tuple[bytes, bytes]] = {  # what the client sends, and what the backend says to it
    "in a body": (POST + b"Content-Length: 9\r\n\r\n1234", b""),
    "before a body": (POST + b"Content-Length: 9\r\n\r\n", b""),
    "in a size": (POST + CHUNKED + b"5", b""),
    "in a chunk": (POST + CHUNKED + b"5\r\nhel", b""),
    "in the trailers": (POST + CHUNKED + b"5\r\nhello\r\n0\r\nX: ", b""),
    "before the answer": (GET, b""),
    "after a request with a body": (POST + b"Content-Length: 5\r\n\r\nhello", b""),
    "with another request waiting": (GET + GET, b""),
    "with half a request waiting": (GET + GET[:30], b""),
    "after an interim answer": (GET, b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "in the answer's head": (GET, b"HTTP/1.1 200 OK\r\nContent-"),
    "after the answer's head": (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
    "in the answer": (GET, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234"),
    "in an answer in chunks": (GET, STREAM),
    "in an answer without an end": (GET, b"HTTP/1.1 200 OK\r\n\r\nabc"),
    "in both bodies": (POST + CHUNKED + b"5\r\nhel", STREAM),
    "while it is to go on": (
        POST + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ),
    "before the switch": (UPGRADE, b""),
    "after the switch": (UPGRADE, SWITCH),
    "in the tunnel": (UPGRADE + b"abc", SWITCH + b"def"),
}


@pytest.mark.parametrize(
    ("name", "reset"),
    [*((name, True) for name in GONE), ("before the answer", False), ("in the answer", False)],
)
async def test_a_client_that_vanishes(name: str, reset: bool) -> None:  # noqa: FBT001
    """The backend hears of it, and the next client is served."""
    sent, said = GONE[name]
    there = asyncio.Event()

    async def script(talk: Conversation) -> None:
        if b"GET /next" in await talk.head():
            return await talk.say(OK)
        await talk.say(said)
        await Wire(talk.writer).read()
        there.set()
        return await talk.to_end()

    async with upstream(script) as backend, through(backend.port) as proxy:
        async with proxy.client() as client:
            await client.send(sent)
            await there.wait()
            await Wire(client.writer).read()
            if reset:
                Conversation(client.reader, client.writer).reset()
        await gone(await backend.conversation())
        answer = await proxy.ask(GET.replace(b"/x", b"/next")[:-2] + b"Connection: close\r\n\r\n")
        assert answer.endswith(b"ok")


@pytest.mark.parametrize("length", range(0, len(GET), 7))
@pytest.mark.parametrize("reset", [False, True])
async def test_a_client_that_vanishes_in_its_head(length: int, reset: bool) -> None:  # noqa: FBT001
    """The backend hears nothing at all."""
    async with upstream() as backend, through(backend.port) as proxy:
        async with proxy.client() as client:
            await client.send(GET[:length])
            await Wire(client.writer).read()
            if reset:
                Conversation(client.reader, client.writer).reset()
        await turns(20)
        assert not backend.conversations


async def endless(client: Client, first: bytes, piece: bytes) -> int:
    """Send ``first``, then one piece after the other until no more is taken; return how much."""
    await client.send(first)
    many = piece * ((1 << 16) // len(piece) + 1)
    return await flood(lambda _: client.send(many), BIG)


ENDLESS = {  # what is sent without end while the backend does not read, or the client does not
    "requests that wait for an answer": (GET, GET),
    "requests that are refused": (b"", REFUSED),
    "requests to the router": (b"", b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "small chunks": (POST + CHUNKED, b"40\r\n" + b"x" * 64 + b"\r\n"),
    "large chunks": (POST + CHUNKED, b"10000\r\n" + b"x" * (1 << 16) + b"\r\n"),
    "behind a request to switch": (UPGRADE, b"x" * 100),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_a_client_that_sends_without_end(name: str) -> None:
    """It is made to wait; memory stays bounded."""
    go = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await go.wait()

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        before = resident()
        assert await endless(client, *ENDLESS[name]) < BIG // 4
        assert resident() - before < ROOM
        go.set()


@pytest.mark.parametrize(
    "piece", [b"40\r\n" + b"x" * 64 + b"\r\n", b"10000\r\n" + b"x" * (1 << 16) + b"\r\n"]
)
async def test_a_backend_that_answers_without_end(piece: bytes) -> None:
    """Chunks of any size wait for a client that does not read; then they come, and in order."""
    said: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    many = piece * ((1 << 16) // len(piece) + 1)

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        said.set_result(await flood(lambda _: talk.say(many), BIG))
        await talk.writer.drain()
        await talk.say(b"0\r\nX-Tail: y\r\n\r\n")

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        before = resident()
        await client.send(GET)
        await client.head()
        assert await said < BIG // 4
        assert resident() - before < ROOM
        tail = b""
        async with asyncio.timeout(LONG):
            while not tail.endswith(b"0\r\nX-Tail: y\r\n\r\n"):
                data = await client.reader.read(1 << 20)
                assert data
                tail = (tail + data)[-30:]


HEADS: dict[str, Callable[[Conversation], Awaitable[None]]] = {
    "a head without end": lambda talk: talk.say(b"X: " + b"a" * (1 << 16) + b"\r\n"),
    "a field without end": lambda talk: talk.say(b"a" * (1 << 16)),
    "interim answers": lambda talk: talk.say(b"\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y" * 1000),
}


@pytest.mark.parametrize("name", HEADS)
async def test_a_backend_that_never_comes_to_its_answer(name: str) -> None:
    """It is given up with 502, and its connection closed."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(b"HTTP/1.1 103 Early Hints\r\nX: y")
        while True:
            await HEADS[name](talk)

    async with upstream(script) as backend, through(backend.port) as proxy:
        before = resident()
        told = answers(await proxy.ask(GET[:-2] + b"Connection: close\r\n\r\n"))
        assert told[-1].status == 502
        await gone(await backend.conversation())
        assert resident() - before < ROOM
