"""Answers of a backend that are none, or more than one, or none that was asked for."""

from __future__ import annotations

import asyncio

import pytest
from tests.wire.proxy.lane.judge import requests
from tests.wire.proxy.lane.notes import Wire, fine, gone
from tests.wire.proxy.lane.test_stages import CHUNKED, WARM, Stage
from tests.wire.proxy.through import through
from tests.wire.proxy.upstream import OK, Conversation, upstream

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize(
    "answer",
    [
        *(OK + b"x", OK + OK, OK + b"\r\n", CHUNKED + b"0\r\n\r\nx"),
        b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 304 Not Modified\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_a_connection_that_is_not_used_again(answer: bytes) -> None:
    """After a surplus, or where the backend will close: the client hears nothing of it."""

    async def script(talk: Conversation) -> None:
        first = await talk.head()
        await talk.say(answer if b"/x" in first else fine(requests(first)[0]))
        await talk.to_end()

    async with upstream(script) as backend, through(backend.port) as proxy:
        async with proxy.client() as client:
            here = Stage(proxy, backend, client)
            assert (await here.ask())[-1].status in {200, 204, 304}
            assert (await here.ask(WARM))[-1].body == b"GET /warm HTTP/1.1"
        await gone(await backend.conversation())
        assert len(backend.conversations) == 2


async def test_a_surplus_that_comes_late() -> None:
    """What a backend says unasked, between two requests, is no answer to the second."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(OK)
        await go.wait()
        await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await Wire(talk.writer).read()
        late.set()
        await talk.to_end()

    go, late = asyncio.Event(), asyncio.Event()
    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        here = Stage(proxy, backend, client)
        assert (await here.ask())[-1].body == b"ok"
        go.set()
        await late.wait()
        assert (await here.ask())[-1].body == b"ok"
        assert len(backend.conversations) == 2


NONSENSE = {
    "length twice": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "length listed": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
    "length signed": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "length negative": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "length huge": b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551618\r\n\r\nok",
    "length empty": b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nok",
    "chunked twice": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "coding twice": CHUNKED[:-2] + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding unknown": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding odd": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding empty": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \r\nContent-Length: 2\r\n\r\nok",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "bare LF in a field": b"HTTP/1.1 200 OK\r\nX: a\nY: b\r\nContent-Length: 2\r\n\r\nok",
    "bare CR in a field": b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok",
    "NUL": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok",
    "obs-fold": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "no colon": b"HTTP/1.1 200 OK\r\nX\r\nContent-Length: 2\r\n\r\nok",
    "empty name": b"HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\nok",
    "NUL in the reason": b"HTTP/1.1 200 O\0K\r\nContent-Length: 2\r\n\r\nok",
    "control in the reason": b"HTTP/1.1 200 O\x01K\r\nContent-Length: 2\r\n\r\nok",
    "bare CR in the reason": b"HTTP/1.1 200 O\rX: y\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "RTSP": b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "ICE": b"ICE/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "lower case": b"http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "status 0": b"HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nok",
    "status 99": b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok",
    "status 1000": b"HTTP/1.1 1000 OK\r\nContent-Length: 2\r\n\r\nok",
    "status 20": b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
    "status with a letter": b"HTTP/1.1 2x0 OK\r\nContent-Length: 2\r\n\r\nok",
    "two spaces": b"HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok",
    "a request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "an empty line first": b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("name", NONSENSE)
async def test_nonsense(name: str) -> None:
    """What is not strictly an answer is 502, and the connection is never used again."""

    async def script(talk: Conversation) -> None:
        first = await talk.head()
        if b"/x" not in first:
            await talk.say(fine(requests(first)[0]))
        else:
            await talk.say(NONSENSE[name])
            talk.writer.write_eof()  # no more is to come, not even the end of a head
        await talk.to_end()

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        here = Stage(proxy, backend, client)
        assert (await here.ask())[-1].status == 502
        await gone(await backend.conversation())
        assert (await here.ask(WARM))[-1].body == b"GET /warm HTTP/1.1"
        assert len(backend.conversations) == 2
