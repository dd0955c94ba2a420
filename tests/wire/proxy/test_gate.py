"""The gate: what is refused, redirected or answered here, and that nobody is asked for nothing."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from aiohttp import web
from tests.wire.proxy.through import Proxy, split, through, value
from tests.wire.proxy.upstream import OK, Conversation, upstream

CLOSE = "Connection: close"
PAGE = "Accept: text/html,*/*;q=0.8"
BIG = f"Content-Length: {1 << 30}"


def local(proxy: Proxy, target: str, *fields: str, method: str = "GET", host: str = "") -> bytes:
    """Return a request head for the router itself."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host or f'localhost:{proxy.port}'}", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


async def test_local() -> None:
    """The router's own API is answered by the router, without naming its software."""
    async with through() as proxy:
        start, fields, body = split(await proxy.ask(local(proxy, "/api/health?x", CLOSE)))
        assert start == b"HTTP/1.1 200 OK"
        assert json.loads(body)["healthy"] is True
        assert value(fields, b"server") == []


@pytest.mark.parametrize(
    "target", ["/api/nope", "/api/health/", "/api//health", "/nope", "/.ocr/x"]
)
async def test_unknown_path(target: str) -> None:
    """An unknown path is 404 in JSON, never the dashboard."""
    async with through() as proxy:
        start, fields, body = split(await proxy.ask(local(proxy, target, CLOSE)))
        assert start == b"HTTP/1.1 404 Not Found"
        assert value(fields, b"content-type")[0].startswith(b"application/json")
        assert set(json.loads(body)) == {"error", "detail", "hint"}


async def test_wrong_method() -> None:
    """A known path with the wrong method is 405 and says which are right."""
    async with through() as proxy:
        request = local(proxy, "/api/health", CLOSE, method="PUT")
        start, fields, body = split(await proxy.ask(request))
        assert start == b"HTTP/1.1 405 Method Not Allowed"
        assert b"GET" in value(fields, b"allow")[0]
        assert set(json.loads(body)) == {"error", "detail", "hint"}


@pytest.mark.parametrize(
    ("host", "target", "fields", "status"),
    [
        ("evil.org", "/", (), b"421 Misdirected Request"),
        ("evil.org", "/alpha/x", (), b"421 Misdirected Request"),
        ("alpha-alice.local", "/x", ("Origin: http://evil.org",), b"403 Forbidden"),
        ("localhost", "/alpha/x", ("Origin: null",), b"403 Forbidden"),
        ("localhost", "/api/health", ("Sec-Fetch-Site: cross-site",), b"403 Forbidden"),
        ("beta.localhost", "/x", (), b"404 Not Found"),
        ("user@localhost", "/", (), b"400 Bad Request"),
    ],
)
@pytest.mark.parametrize("expect", [("Expect: 100-continue",), ()])
async def test_refused(
    host: str, target: str, fields: tuple[str, ...], status: bytes, expect: tuple[str, ...]
) -> None:
    """A refused request reaches no backend; its body is not asked for, and not read to its end."""
    async with upstream() as backend, through(backend.port) as proxy:
        request = local(proxy, target, BIG, *expect, *fields, method="POST", host=host)
        start, told, body = split(await proxy.ask(request))
        assert start == b"HTTP/1.1 " + status
        assert value(told, b"connection") == [b"close"]
        assert set(json.loads(body)) == {"error", "detail", "hint"}
        assert not backend.conversations


async def test_refused_without_a_body() -> None:
    """A refusal that leaves nothing unread keeps the connection."""
    async with through() as proxy, proxy.client() as client:
        for _ in range(2):
            await client.send(local(proxy, "/", host="evil.org"))
            _, fields, _ = split(await client.head())
            await client.exactly(int(value(fields, b"content-length")[0]))
            assert value(fields, b"connection") == []


async def test_refused_head() -> None:
    """A refusal of HEAD has no body."""
    async with through() as proxy:
        start, _, body = split(await proxy.ask(local(proxy, "/nope", CLOSE, method="HEAD")))
        assert (start, body) == (b"HTTP/1.1 404 Not Found", b"")


async def test_own_body_is_asked_for() -> None:
    """A body that the router itself may read is asked for, once."""
    async with through() as proxy, proxy.client() as client:
        fields = ("Expect: 100-continue", "Content-Length: 2", CLOSE)
        target = "/api/backends/alpha/start"
        await client.send(local(proxy, target, *fields, method="POST"))
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"{}")
        assert (await client.head()).startswith(b"HTTP/1.1 404 Not Found\r\n")


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/0.9", "HTTP/1.2"])
async def test_other_versions(version: str) -> None:
    """Other versions of HTTP are not half understood."""
    async with upstream() as backend, through(backend.port) as proxy:
        request = local(proxy, "/alpha/", CLOSE).replace(b"HTTP/1.1", version.encode())
        start = split(await proxy.ask(request))[0]
        assert start.split(b" ")[1] in {b"505", b"400"}
        assert not backend.conversations


async def test_other_codings() -> None:
    """A body in a coding that we would take away cannot be passed on."""
    async with upstream() as backend, through(backend.port) as proxy:
        fields = ("Transfer-Encoding: gzip, chunked", CLOSE)
        request = local(proxy, "/alpha/", *fields, method="POST")
        start = split(await proxy.ask(request + b"0\r\n\r\n"))[0]
        assert start.split(b" ")[1] in {b"501", b"400"}
        assert not backend.conversations


@pytest.mark.usefixtures("alone")
async def test_a_defect_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An unforeseen failure is 500 in JSON without internals, and one record with a traceback."""

    def fail(*_: object, **__: object) -> None:
        raise LookupError("secret")

    monkeypatch.setattr("opencoderouter.proxy.lane.judge.prepare", fail)
    async with through(1) as proxy:
        with caplog.at_level(logging.INFO):
            start, _, body = split(await proxy.ask(local(proxy, "/alpha/x?auth_token=t", CLOSE)))
        assert start == b"HTTP/1.1 500 Internal Server Error"
        assert json.loads(body)["error"] == "internal_error"
        assert b"secret" not in body
        (record,) = caplog.records
        assert record.exc_info
        assert "auth_token" not in record.getMessage()


async def test_a_defect_after_the_body_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """To ask for a body is no answer yet: the failure still gets one."""

    async def fail(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr("opencoderouter.proxy.api.Api.act", fail)
    async with through() as proxy, proxy.client() as client:
        fields = ("Expect: 100-continue", "Content-Length: 2")
        await client.send(local(proxy, "/api/backends/alpha/start", *fields, method="POST"))
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await client.head()).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")


@pytest.mark.usefixtures("alone")
async def test_an_application_that_hangs_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer that cannot be written is 500, and worth one line."""

    async def answer(_: object, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        response = web.StreamResponse()
        await response.prepare(request)
        return response

    monkeypatch.setattr("opencoderouter.proxy.api.Api.health", answer)
    async with through() as proxy:
        got = await proxy.ask(local(proxy, "/api/health", CLOSE))
        assert got.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert [r.levelname for r in caplog.records] == ["WARNING"]


@pytest.mark.usefixtures("alone")
async def test_a_defect_in_the_middle(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """When an answer has begun, a failure breaks it off; it is logged once."""
    go = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(OK[:-1])
        await go.wait()
        await talk.say(OK[-1:])
        await talk.to_end()

    def fail(*_: object) -> None:
        raise LookupError

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(local(proxy, "/alpha/x"))
        await client.head()
        assert await client.exactly(1) == b"o"
        monkeypatch.setattr("opencoderouter.proxy.lane.bodies.Counted.feed", fail)
        go.set()
        assert await client.rest() == b""
    assert len(caplog.records) == 1
