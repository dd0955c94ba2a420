"""What is not HTTP, or too much of it: an answer in our form, one quiet line in the log."""

from __future__ import annotations

import json
import logging
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.wire.proxy.lane.alone import alone
from tests.wire.proxy.through import MODES, split, through, value
from tests.wire.proxy.upstream import OK, Conversation, upstream

from opencoderouter.proxy.lane.limits import Limits

HOST = b"Host: alpha.localhost\r\n"
GET = b"GET / HTTP/1.1\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"FOO / HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET x HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET http://[::1 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET http://a:b:c/ HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET foo://alpha.localhost/ HTTP/1.1\r\n" + HOST + b"\r\n",
        b"CONNECT alpha.localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"CONNECT [::1]:80 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        GET + HOST + HOST + b"\r\n",
        GET + b"Host: " + b"a" * 262 + b"\r\n\r\n",
        GET + HOST + b"X : y\r\n\r\n",
        GET + HOST + b" folded: y\r\n\r\n",
        GET + HOST + b"X: a\0b\r\n\r\n",
        GET + HOST + b"X: a\rb\r\n\r\n",
        GET + HOST + b"X\xe9: y\r\n\r\n",
        GET + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
        GET + HOST + b"Content-Length: +1\r\n\r\na",
        GET + HOST + b"Content-Length: 1, 1\r\n\r\na",
        GET + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\nHost: alpha.localhost\n\n",
    ],
)
async def test_malformed(request_: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A malformed request is 400 in JSON and reaches no backend; no traceback is logged."""
    async with upstream() as backend, through(backend.port) as proxy:
        with caplog.at_level(logging.INFO):
            answer = await proxy.ask(request_.rstrip(b"\n") + b"\n")
        start, fields, body = split(answer)
        assert start.split(b" ")[1] in {b"400", b"501", b"505"}, answer
        assert value(fields, b"content-type") == [b"application/json"]
        assert not value(fields, b"server")
        assert set(json.loads(body)) == {"error", "detail", "hint"}
        assert not backend.conversations
    assert not [r for r in caplog.records if r.exc_info or r.levelno > logging.INFO]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"a" * (33 << 10) + b" HTTP/1.1\r\n" + HOST + b"\r\n", b"414"),
        (GET + HOST + b"X: " + b"a" * (65 << 10) + b"\r\n\r\n", b"431"),
        (GET + HOST + b"a" * (65 << 10) + b": x\r\n\r\n", b"431"),
        (GET + HOST + b"X: a\r\n" * 300 + b"\r\n", b"431"),
    ],
)
async def test_too_much(request_: bytes, status: bytes) -> None:
    """Each limit has its status."""
    async with upstream() as backend, through(backend.port) as proxy:
        start, _, body = split(await proxy.ask(request_))
        assert start.split(b" ")[1] == status
        assert set(json.loads(body)) == {"error", "detail", "hint"}
        assert not backend.conversations


@pytest.mark.parametrize("size", [15 << 10, 17 << 10, 31 << 10])
async def test_not_too_much(size: int) -> None:
    """What OpenCode would take, or refuse in its own words, is passed on."""
    async with upstream() as backend, through(backend.port) as proxy:
        start = b"GET /" + b"a" * size + b" HTTP/1.1\r\nConnection: close\r\n"
        fields = b"X: " + b"b" * size + b"\r\n" + b"Y: c\r\n" * 200
        assert (await proxy.ask(start + HOST + fields + b"\r\n")).endswith(b"ok")
        assert b"\r\nX: " + b"b" * size + b"\r\n" in backend.seen


async def test_nonsense_after_a_request() -> None:
    """What follows a request does not spoil its answer."""
    async with upstream() as backend, through(backend.port) as proxy, proxy.client() as client:
        await client.send(GET + HOST + b"\r\n")
        assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await client.exactly(2) == b"ok"
        await client.send(b"nonsense\r\n\r\n")
        assert (await client.rest()).split(b" ")[1] == b"400"


async def test_the_last_answer_is_known_to_be_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client hears the end at once, however long what it still sends is read."""
    monkeypatch.setattr("opencoderouter.proxy.lane.lane.LINGER", 1000)
    async with through() as proxy:
        fields = b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n"
        answer = await proxy.ask(b"POST / HTTP/1.1\r\nHost: evil.org\r\n" + fields)
        assert answer.startswith(b"HTTP/1.1 421 ")


BYTES = st.one_of(
    st.binary(max_size=20),
    st.sampled_from(
        [
            *(
                b"GET ",
                b"CONNECT ",
                b"POST ",
                b"/",
                b"//",
                b"http://",
                b"a:1",
                b"[",
                b"]",
                b"@",
                b"%",
            ),
            *(
                b" HTTP/1.1\r\n",
                b" HTTP/1.0\r\n",
                b"Host: ",
                b"localhost",
                b"\r\n",
                b"\r\n\r\n",
                b"#",
            ),
            *(b"Expect: 100-continue\r\n", b"Upgrade: websocket\r\nConnection: upgrade\r\n", b"*"),
            *(
                b"Transfer-Encoding: chunked\r\n",
                b"0\r\n\r\n",
                b"Content-Length: 2\r\n",
                b"\0",
                b"?",
            ),
        ]
    ),
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(BYTES, max_size=12).map(b"".join))
async def test_any_bytes(caplog: pytest.LogCaptureFixture, data: bytes) -> None:
    """Whatever is sent, nothing unforeseen happens, and the next client is served."""
    async with alone() as proxy:  # one for each example: workers would take their time
        async with proxy.client() as client:
            await client.send(data)
            client.writer.write_eof()
            with suppress(ConnectionError):
                await client.rest()
        assert (await proxy.ask(GET + b"Host: localhost\r\nConnection: close\r\n\r\n")).startswith(
            b"HTTP/1.1 200 OK"
        )
    assert not [r for r in caplog.records if r.exc_info or r.levelno > logging.WARNING]


@pytest.mark.parametrize("mode", MODES)
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


ASK = ("Connection: Upgrade", "Upgrade: x")
SWITCH = b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"


@pytest.mark.parametrize("mode", MODES)
async def test_only_so_many_websockets(mode: str) -> None:
    """One too many is 503 and reaches no backend; when one ends there is room again."""

    async def script(talk: Conversation) -> None:
        if b"/refused" in await talk.head():
            return await talk.say(OK)
        await talk.say(SWITCH)
        return await talk.to_end()

    async with (
        upstream(script) as backend,
        alone(backend.port, limits=Limits(websockets=1)) as proxy,
    ):
        refused = proxy.head(mode, "/refused", "Connection: Upgrade, close", "Upgrade: x")
        assert (await proxy.ask(refused)).endswith(b"ok")  # what is not switched is not counted
        async with proxy.client() as tunnel:
            await tunnel.send(proxy.head(mode, "/", *ASK))
            assert (await tunnel.head()).startswith(b"HTTP/1.1 101 ")
            start, fields, body = split(await proxy.ask(proxy.head(mode, "/", *ASK)))
            assert start == b"HTTP/1.1 503 Service Unavailable"
            assert value(fields, b"retry-after") == [b"1"]
            assert json.loads(body)["error"] == "too_many_websockets"
            assert len(backend.conversations) == 2
            plain = proxy.head(mode, "/refused", "Connection: close")
            assert (await proxy.ask(plain)).startswith(b"HTTP/1.1 200 OK\r\n")
            tunnel.writer.write_eof()
            assert await tunnel.rest() == b""
        assert proxy.lane.occupancy.websockets == 0
        async with proxy.client() as tunnel:
            await tunnel.send(proxy.head(mode, "/", *ASK))
            assert (await tunnel.head()).startswith(b"HTTP/1.1 101 ")
