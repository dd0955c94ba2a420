"""Forwarding: what a backend gets of a request and a client of an answer, byte for byte."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from tests.fakes import backend as make
from tests.wire.proxy.through import LONG, MODES, Proxy, split, through, value
from tests.wire.proxy.upstream import OK, Conversation, upstream, whole

from opencoderouter.core.model import Status

pytestmark = pytest.mark.parametrize("mode", MODES)

CLOSE = "Connection: close"


def expected(proxy: Proxy, mode: str, start: str, *fields: str, body: bytes = b"") -> bytes:
    """Return the request that a backend should have got."""
    host = f"alpha-alice.local:{proxy.port}" if mode == "host" else f"127.0.0.1:{proxy.port}"
    ours = [
        *("X-Forwarded-For: 127.0.0.1", f"X-Forwarded-Host: {host}", "X-Forwarded-Proto: http"),
        *(["X-Forwarded-Prefix: /alpha"] if mode == "path" else []),
    ]
    before = [field for field in fields if field != "Transfer-Encoding: chunked"]
    after = [field for field in fields if field == "Transfer-Encoding: chunked"]
    lines = [f"{start} HTTP/1.1", f"Host: {host}", *before, *ours, *after, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


@pytest.mark.parametrize(
    "target",
    [
        *["/", "/?", "/x?", "/x?y=1&z", "//x//y", "/../a/./b", "/a%2Fb%2f", "/a;b+c", "/[x]?[y]=z"],
        *["/%zz?%", "/%", '/a|b^c`{}"<>\\', "/x?location[directory]=%2Ftmp&", "/%C3%A9%ff", "/:@"],
        *["/a?b?c=/d;e", "/x#y", "/api/health", "/session/ses_1", "/" + "a" * 16000],
    ],
)
async def test_target(mode: str, target: str) -> None:
    """The target arrives byte for byte."""
    async with upstream() as backend, through(backend.port) as proxy:
        await proxy.ask(proxy.head(mode, target, CLOSE))
        assert backend.seen == expected(proxy, mode, f"GET {target}")


@pytest.mark.parametrize(
    "method", "GET POST PUT PATCH DELETE OPTIONS TRACE PROPFIND REPORT QUERY M-SEARCH".split()
)
async def test_method(mode: str, method: str) -> None:
    """Any method is passed on; nothing is added to it."""
    async with upstream() as backend, through(backend.port) as proxy:
        answer = await proxy.ask(proxy.head(mode, "/x", CLOSE, method=method))
        assert backend.seen == expected(proxy, mode, f"{method} /x")
        assert answer.endswith(b"\r\n\r\nok")


async def test_request_fields(mode: str) -> None:
    """Fields stay as they are, spelled, repeated and ordered; what is not ASCII, too."""
    fields = [
        *("x-One: 1", "X-Two: a,  b", "X-ONE: 2", "Cookie: a=1", "Cookie: b=\xe9\xff", "Empty: "),
        *("Authorization: Basic eA==", "Accept-Encoding: zstd;q=0", "User-Agent:\tme"),
    ]
    hop = ("Keep-Alive: 5", "Proxy-Authorization: x", "TE: gzip", "X-Hop: 1", "Trailer: a")
    claims = ("X-Forwarded-For: 1.1.1.1", "Forwarded: for=1.1.1.1", "X-Real-IP: 1.1.1.1")
    async with upstream() as backend, through(backend.port) as proxy:
        await proxy.ask(proxy.head(mode, "/", *fields, *hop, *claims, "Connection: X-Hop", CLOSE))
        fields[-1] = "User-Agent: me"
        assert backend.seen == expected(proxy, mode, "GET /", *fields)


async def test_body_with_length(mode: str) -> None:
    """A measured body stays measured, also that of a GET, and is not looked at."""
    body = bytes(range(256)) * 2
    fields = ("Content-Encoding: gzip", f"Content-Length: {len(body)}")
    for method in ("POST", "GET", "DELETE"):
        async with upstream() as backend, through(backend.port) as proxy:
            await proxy.ask(proxy.head(mode, "/x", *fields, CLOSE, method=method) + body)
            assert backend.seen == expected(proxy, mode, f"{method} /x", *fields, body=body)


async def test_body_in_chunks(mode: str) -> None:
    """A chunked body stays chunked; where it is cut does not matter."""
    chunked = "Transfer-Encoding: chunked"
    async with upstream() as backend, through(backend.port) as proxy:
        body = b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
        await proxy.ask(proxy.head(mode, "/x", chunked, CLOSE, method="POST") + body)
        sent = b"5\r\nabcde\r\n0\r\n\r\n"
        assert backend.seen == expected(proxy, mode, "POST /x", chunked, body=sent)


@pytest.mark.parametrize("length", ["Content-Length: 0", ""])
async def test_no_body(mode: str, length: str) -> None:
    """No body is passed on as no body, said in the same way."""
    fields = [length] if length else []
    async with upstream() as backend, through(backend.port) as proxy:
        await proxy.ask(proxy.head(mode, "/x", *fields, CLOSE, method="POST"))
        assert backend.seen == expected(proxy, mode, "POST /x", *fields)


async def test_response_fields(mode: str) -> None:
    """An answer's fields stay as they are; none is added, hop-by-hop ones are dropped."""
    fields = [
        *(b"x-one: 1", b"Set-Cookie: a=1", b"X-ONE: 2", b"set-cookie: b=\xe9\xff", b"Empty: "),
        *(b"Content-Encoding: gzip", b"Content-Length: 3"),
    ]
    hop = (b"Keep-Alive: 5", b"Connection: X-Hop", b"X-Hop: 1", b"Proxy-Authenticate: x")
    reply = b"\r\n".join([b"HTTP/1.1 299 Well \xe9", *fields, *hop, b"", b"abc"])
    async with upstream(reply) as backend, through(backend.port) as proxy, proxy.client() as client:
        await client.send(proxy.head(mode, "/"))
        start, got, _ = split(await client.head())
        assert (start, got) == (b"HTTP/1.1 299 Well \xe9", fields)
        assert await client.exactly(3) == b"abc"


@pytest.mark.parametrize("date", [[b"Date: Thu, 01 Jan 1970 00:00:00 GMT"], []])
async def test_date(mode: str, date: list[bytes]) -> None:
    """The time is the backend's, or not told."""
    reply = b"\r\n".join([b"HTTP/1.1 200 OK", *date, b"Content-Length: 0", b"", b""])
    async with upstream(reply) as backend, through(backend.port) as proxy, proxy.client() as client:
        await client.send(proxy.head(mode, "/"))
        assert split(await client.head())[1] == [*date, b"Content-Length: 0"]


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
                assert await client.head() == reply
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
                assert split(await client.head())[1] == kept
        assert backend.seen.startswith(b"HEAD /x HTTP/1.1\r\n")


async def test_answer_in_chunks(mode: str) -> None:
    """A chunked answer stays chunked, and a length beside it is not passed on."""
    fields = b"Transfer-Encoding: chunked\r\nContent-Type: x/y"
    reply = b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with upstream(reply) as backend, through(backend.port) as proxy, proxy.client() as client:
        await client.send(proxy.head(mode, "/"))
        _, got, _ = split(await client.head())
        assert got == [b"Content-Type: x/y", b"Transfer-Encoding: chunked"]
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
        assert (start, fields) == (b"HTTP/1.1 200 OK", [b"Transfer-Encoding: chunked"])
        assert await client.exactly(13) == b"3\r\nabc\r\n0\r\n\r\n"


async def test_old_clients(mode: str) -> None:
    """A client of HTTP/1.0 gets a body that ends with the connection, or its length."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    for reply, body in ((chunked, b"abc"), (OK, b"ok")):
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


async def test_pipelining(mode: str) -> None:
    """Requests that come at once are answered one by one, in order."""

    async def script(talk: Conversation) -> None:
        while True:
            number = (await talk.head()).split(b" ", 2)[1][-1:]
            await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + number)

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(b"".join(proxy.head(mode, f"/{n}") for n in range(5)))
        for n in range(5):
            await client.head()
            assert await client.exactly(1) == b"%d" % n
        assert len(backend.conversations) == 1


async def test_connections_are_used_again(mode: str) -> None:
    """Safe requests share a connection; others get one that cannot be stale."""
    async with upstream() as backend, through(backend.port) as proxy:
        for method in ("GET", "OPTIONS", "GET"):
            await proxy.ask(proxy.head(mode, "/", CLOSE, method=method))
        assert len(backend.conversations) == 1
        for method in ("POST", "PUT", "DELETE"):
            await proxy.ask(proxy.head(mode, "/", CLOSE, method=method))
        assert len(backend.conversations) == 4
        await proxy.ask(proxy.head(mode, "/", "Content-Length: 1", CLOSE) + b"x")
        assert len(backend.conversations) == 5


async def test_a_stale_connection_is_no_failure(mode: str) -> None:
    """A safe request that met a closed connection is asked again over a new one, once."""
    served = 0

    async def script(talk: Conversation) -> None:
        nonlocal served
        while await whole(talk):
            served += 1
            if served == 2:
                return  # as if it had been closed while the request was under way
            await talk.say(OK)

    async with upstream(script) as backend, through(backend.port) as proxy:
        for _ in range(2):
            assert (await proxy.ask(proxy.head(mode, "/", CLOSE))).endswith(b"ok")
        assert served == 3
        assert len(backend.conversations) == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET", "HEAD"])
async def test_nothing_is_done_twice(mode: str, method: str) -> None:
    """A request that a backend took and did not answer is not asked again."""
    body = b"" if method == "HEAD" else b"x"
    length = f"Content-Length: {len(body)}"

    async def script(talk: Conversation) -> None:
        await whole(talk)

    async with upstream(script) as backend, through(backend.port) as proxy:
        request = proxy.head(mode, "/x", length, CLOSE, method=method) + body
        start, fields, _ = split(await proxy.ask(request))
        assert start == b"HTTP/1.1 502 Bad Gateway"
        assert value(fields, b"retry-after") == [b"1"]
        assert len(backend.conversations) == 1


async def test_nobody_listens(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    """A refused connection is 502 in JSON, without ports and paths; the log says more."""
    async with upstream() as backend:
        port = backend.port
    async with through(port) as proxy:
        with caplog.at_level(logging.WARNING):
            start, fields, body = split(await proxy.ask(proxy.head(mode, "/x", CLOSE)))
    assert start == b"HTTP/1.1 502 Bad Gateway"
    told = json.loads(body)
    assert told["error"] == "no_answer"
    assert "alpha" in told["detail"]
    assert str(port).encode() not in body
    assert b"/home" not in body
    assert value(fields, b"retry-after") == [b"1"]
    assert value(fields, b"cache-control") == [b"no-store"]
    assert value(fields, b"vary") == [b"Accept"]
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert f"backend=127.0.0.1:{port}" in caplog.text


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


async def test_a_starting_backend_is_not_asked(mode: str) -> None:
    """Before its first answer a server may accept and never answer: 503 instead."""
    async with upstream() as backend, through(backend.port, status=Status.STARTING) as proxy:
        start, fields, _ = split(await proxy.ask(proxy.head(mode, "/", CLOSE)))
        assert start == b"HTTP/1.1 503 Service Unavailable"
        assert value(fields, b"retry-after") == [b"1"]
        assert not backend.conversations


@pytest.mark.parametrize("has_it", [0, 1, None])
async def test_session(mode: str, has_it: int | None) -> None:
    """A request about a session goes to the backend that has it at work, else to the route."""
    async with upstream() as one, upstream() as two:
        ports = (one.port, two.port)
        busy = {} if has_it is None else {ports[has_it]: frozenset({"ses_1"})}
        async with through(*ports, busy={ports[0]: None, **busy}) as proxy:
            for target in ("/session/ses_1/message", "/session/ses_2/message", "/event"):
                await proxy.ask(proxy.head(mode, target, CLOSE))
        asked = one.seen.count(b" HTTP/1.1\r\n"), two.seen.count(b" HTTP/1.1\r\n")
        assert asked == ((2, 1) if has_it == 1 else (3, 0))


async def test_session_at_the_first_that_has_it(mode: str) -> None:
    """Nobody waits for a slow backend when another one has the session."""
    async with upstream() as one, upstream() as two:
        busy = {two.port: frozenset({"ses_1"})}
        async with through(one.port, two.port, busy=busy, hangs=one.port) as proxy:
            async with asyncio.timeout(LONG):
                await proxy.ask(proxy.head(mode, "/session/ses_1/message", CLOSE))
        assert (one.seen, two.seen != b"") == (b"", True)


@pytest.mark.parametrize("status", [Status.BUSY, Status.FAILED])
async def test_session_is_not_asked_of_who_will_not_answer(mode: str, status: Status) -> None:
    """A backend that does not answer, or has no project, is not asked for its sessions."""
    async with upstream() as one, upstream() as two:
        async with through(one.port, two.port, hangs=two.port) as proxy:
            proxy.registry.observe(make("/home/alice/alpha", two.port, status))
            async with asyncio.timeout(LONG):
                await proxy.ask(proxy.head(mode, "/session/ses_1/message", CLOSE))
        assert (one.seen != b"", two.seen) == (True, b"")


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


async def test_expect(mode: str) -> None:
    """The backend, not the router, says whether it wants the body."""
    told = asyncio.Event()

    async def script(talk: Conversation) -> None:
        assert b"\r\nExpect: 100-continue\r\n" in await talk.head()
        await told.wait()
        await talk.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        await talk.exactly(3)
        await talk.say(OK)

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        fields = ("Expect: 100-continue", "Content-Length: 3")
        await client.send(proxy.head(mode, "/", *fields, method="POST"))
        await backend.conversation()
        told.set()
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"abc")
        assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert backend.seen.endswith(b"\r\n\r\nabc")


async def test_expectation_refused(mode: str) -> None:
    """A backend that wants no body has its say, and no body is asked for."""
    reply = b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n"

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(reply)
        await talk.to_end()

    async with upstream(script) as backend, through(backend.port) as proxy:
        fields = ("Expect: 100-continue", "Content-Length: 3")
        answer = await proxy.ask(proxy.head(mode, "/", *fields, method="POST"))
        assert answer == reply[:-2] + b"Connection: close\r\n\r\n"
        assert b"\r\n\r\n" in backend.seen
        assert backend.seen.endswith(b"\r\n\r\n")
