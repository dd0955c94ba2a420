"""What a client gets of an answer, byte for byte."""

from __future__ import annotations

import asyncio

import pytest
from tests.wire.proxy.through import MODES, boxed, passed, split, through, value
from tests.wire.proxy.upstream import OK, Conversation, upstream, whole

pytestmark = pytest.mark.parametrize("mode", MODES)

CLOSE = "Connection: close"
CUT = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"


async def test_response_fields(mode: str) -> None:
    """An answer's fields stay as they are; hop-by-hop ones are dropped, the sandbox is added."""
    fields = [
        *(b"x-one: 1", b"Set-Cookie: a=1", b"X-ONE: 2", b"set-cookie: b=\xe9\xff", b"Empty: "),
        *(b"Content-Encoding: gzip", b"Content-Length: 3"),
    ]
    hop = (b"Keep-Alive: 5", b"Connection: X-Hop", b"X-Hop: 1", b"Proxy-Authenticate: x")
    reply = b"\r\n".join([b"HTTP/1.1 299 Well \xe9", *fields, *hop, b"", b"abc"])
    async with upstream(reply) as backend, through(backend.port) as proxy, proxy.client() as client:
        await client.send(proxy.head(mode, "/"))
        start, got, _ = split(await client.head())
        assert (start, got) == (b"HTTP/1.1 299 Well \xe9", [*fields, *boxed(mode)])
        assert await client.exactly(3) == b"abc"


@pytest.mark.parametrize("date", [[b"Date: Thu, 01 Jan 1970 00:00:00 GMT"], []])
async def test_date(mode: str, date: list[bytes]) -> None:
    """The time is the backend's, or not told."""
    reply = b"\r\n".join([b"HTTP/1.1 200 OK", *date, b"Content-Length: 0", b"", b""])
    async with upstream(reply) as backend, through(backend.port) as proxy, proxy.client() as client:
        await client.send(proxy.head(mode, "/"))
        assert split(await client.head())[1] == [*date, b"Content-Length: 0", *boxed(mode)]


async def test_location_and_cookie_path(mode: str) -> None:
    """In path mode what leads to the backend's root leads to the project's prefix."""
    prefix = b"/alpha" if mode == "path" else b""

    async def script(talk: Conversation) -> None:
        host = value(split(await talk.head())[1], b"host")[0]
        port = b"%d" % talk.writer.get_extra_info("sockname")[1]
        fields = [
            *(b"Location: /x", b"Location: http://" + host + b"/x"),
            *(b"Location: http://127.0.0.1:" + port + b"/x", b"Location: http://evil.org/x"),
            *(b"Set-Cookie: a=1; Path=/; HttpOnly", b"Content-Length: 0"),
        ]
        await talk.say(b"\r\n".join([b"HTTP/1.1 302 Found", *fields, b"", b""]))

    async with upstream(script) as backend, through(backend.port) as proxy:
        _, fields, _ = split(await proxy.ask(proxy.head(mode, "/", CLOSE)))
    locations = value(fields, b"location")
    assert locations[0] == prefix + b"/x"
    assert locations[3] == b"http://evil.org/x"
    assert value(fields, b"set-cookie") == [b"a=1; Path=" + prefix + b"/; HttpOnly"]
    if mode == "path":
        assert locations[1:3] == [b"/alpha/x", b"/alpha/x"]


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body(mode: str, status: int) -> None:
    """204 and 304 end with their head; the connection serves the next request."""
    reply = b"HTTP/1.1 %d X\r\nETag: x\r\n\r\n" % status
    async with upstream(reply) as backend, through(backend.port) as proxy:
        async with proxy.client() as client:
            for _ in range(2):
                await client.send(proxy.head(mode, "/"))
                assert await client.head() == passed(mode, reply)
        assert len(backend.conversations) == 1


@pytest.mark.parametrize("field", [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"X: y"])
async def test_head(mode: str, field: bytes) -> None:
    """HEAD has a length and no body, whatever the backend says of its length."""
    reply = b"HTTP/1.1 200 OK\r\n" + field + b"\r\n\r\n"
    async with upstream(reply) as backend, through(backend.port) as proxy:
        async with proxy.client() as client:
            for _ in range(2):
                await client.send(proxy.head(mode, "/x", method="HEAD"))
                kept = [] if field.startswith(b"Transfer") else [field]
                assert split(await client.head())[1] == [*kept, *boxed(mode)]
        assert backend.seen.startswith(b"HEAD /x HTTP/1.1\r\n")


async def test_answer_in_chunks(mode: str) -> None:
    """A chunked answer stays chunked, and a length beside it is not passed on."""
    fields = b"Transfer-Encoding: chunked\r\nContent-Type: x/y"
    reply = b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with upstream(reply) as backend, through(backend.port) as proxy, proxy.client() as client:
        await client.send(proxy.head(mode, "/"))
        _, got, _ = split(await client.head())
        assert got == [b"Content-Type: x/y", *boxed(mode), b"Transfer-Encoding: chunked"]
        assert await client.exactly(15) == b"5\r\nabcde\r\n0\r\n\r\n"


async def test_answer_that_ends_with_the_connection(mode: str) -> None:
    """A body without a length becomes a chunked one, so that its end can be told."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(b"HTTP/1.0 200 OK\r\n\r\nabc")

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(proxy.head(mode, "/"))
        start, fields, _ = split(await client.head())
        assert start == b"HTTP/1.1 200 OK"
        assert fields == [*boxed(mode), b"Transfer-Encoding: chunked"]
        assert await client.exactly(13) == b"3\r\nabc\r\n0\r\n\r\n"


async def test_old_clients(mode: str) -> None:
    """A client of HTTP/1.0 gets a body that ends with the connection, or its length."""
    for reply, body in ((CUT + b"0\r\n\r\n", b"abc"), (OK, b"ok")):
        async with upstream(reply) as backend, through(backend.port) as proxy:
            request = proxy.head(mode, "/").replace(b"HTTP/1.1", b"HTTP/1.0")
            _, fields, got = split(await proxy.ask(request))
            assert got == body
            assert b"Connection: close" in fields
            assert backend.seen.startswith(b"GET / HTTP/1.1\r\n")


async def test_old_clients_that_stay(mode: str) -> None:
    """A client of HTTP/1.0 that asks for it keeps its connection."""
    async with upstream() as backend, through(backend.port) as proxy, proxy.client() as client:
        request = proxy.head(mode, "/", "Connection: keep-alive").replace(b"/1.1", b"/1.0")
        for _ in range(2):
            await client.send(request)
            assert b"Connection: keep-alive" in split(await client.head())[1]
            assert await client.exactly(2) == b"ok"


async def test_old_clients_that_cannot_stay(mode: str) -> None:
    """Where nothing else tells the end of the body the connection ends, wanted or not."""
    async with (
        upstream(CUT + b"0\r\n\r\n") as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        request = proxy.head(mode, "/", "Connection: keep-alive").replace(b"/1.1", b"/1.0")
        await client.send(2 * request)
        _, fields, body = split(await client.rest())
        assert (value(fields, b"connection"), body) == ([b"close"], b"abc")


@pytest.mark.parametrize("field", [CLOSE, "Connection: keep-alive"])
async def test_old_clients_see_that_something_is_missing(mode: str, field: str) -> None:
    """Nor is an answer that was cut off taken for whole."""
    go = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(CUT)
        await go.wait()

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(proxy.head(mode, "/", field).replace(b"/1.1", b"/1.0"))
        await client.head()
        assert await client.exactly(3) == b"abc"
        go.set()
        with pytest.raises(ConnectionResetError):
            await client.rest()


@pytest.mark.parametrize(
    "reply",
    [
        *[b"", b"HTTP/1.1 200 OK\r\n", b"nonsense\r\n\r\n", b"HTTP/1.1 abc X\r\n\r\n"],
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70000 + b"\r\n\r\n",
    ],
)
async def test_no_answer(mode: str, reply: bytes) -> None:
    """A backend that ends or talks nonsense instead of answering is 502."""

    async def script(talk: Conversation) -> None:
        await whole(talk)
        await talk.say(reply)

    async with upstream(script) as backend, through(backend.port) as proxy:
        for method in ("GET", "POST"):
            answer = await proxy.ask(proxy.head(mode, "/", CLOSE, method=method))
            assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n"), answer[:200]


async def test_endless_interim_answers(mode: str) -> None:
    """A backend that never comes to its final answer is given up."""
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    async with upstream(early * 1000 + OK) as backend, through(backend.port) as proxy:
        answer = await proxy.ask(proxy.head(mode, "/", CLOSE))
        assert answer.startswith(early * 17 + b"HTTP/1.1 502 Bad Gateway\r\n")


async def test_interim_answers(mode: str) -> None:
    """1xx answers are passed on as they come; the final one follows."""
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    processing = b"HTTP/1.1 102 Processing\r\n\r\n"
    async with upstream(processing + early + OK) as backend, through(backend.port) as proxy:
        async with proxy.client() as client:
            await client.send(proxy.head(mode, "/"))
            assert [await client.head() for _ in range(2)] == [processing, early]
            assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        old = proxy.head(mode, "/").replace(b"HTTP/1.1", b"HTTP/1.0")
        assert (await proxy.ask(old)).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_interim_answer_and_no_other(mode: str) -> None:
    """A backend that dies after an interim answer has not answered."""

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(b"HTTP/1.1 103 Early Hints\r\n\r\n")

    async with upstream(script) as backend, through(backend.port) as proxy:
        answer = await proxy.ask(proxy.head(mode, "/", CLOSE))
        assert answer.startswith(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 502 Bad Gateway\r\n")
