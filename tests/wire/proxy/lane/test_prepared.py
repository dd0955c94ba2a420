"""What a backend gets of a request, byte for byte."""

from __future__ import annotations

import asyncio

import pytest
from tests.wire.proxy.through import MODES, Proxy, passed, through
from tests.wire.proxy.upstream import OK, Conversation, upstream

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
        *("Authorization: Basic eA==", "Accept-Encoding: zstd;q=0", "Trailer: a"),
        "User-Agent:\tme",
    ]
    hop = ("Keep-Alive: 5", "Proxy-Authorization: x", "TE: gzip", "X-Hop: 1")
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
        assert answer == passed(mode, reply)[:-2] + b"Connection: close\r\n\r\n"
        assert b"\r\n\r\n" in backend.seen
        assert backend.seen.endswith(b"\r\n\r\n")
