"""Who is asked, over which connection, and what is said when nobody answers or too many ask."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from tests.fakes import backend as make
from tests.rig.descriptors import no_descriptors
from tests.rig.ports import free_port
from tests.wire.proxy.lane.alone import alone
from tests.wire.proxy.through import LONG, MODES, split, through, value
from tests.wire.proxy.upstream import OK, Conversation, upstream, whole

from opencoderouter.core.model import Listener, Status
from opencoderouter.proxy.lane.limits import Limits

pytestmark = pytest.mark.parametrize("mode", MODES)

CLOSE = "Connection: close"
END = b"Connection: close\r\n\r\n"


@pytest.mark.usefixtures("alone")
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


@pytest.mark.usefixtures("alone")
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


@pytest.mark.usefixtures("alone")
async def test_nobody_listens(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    """A refused connection is 502 in JSON, without ports and paths; the log says more."""
    port = free_port()
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


async def test_what_is_counted(mode: str) -> None:
    """Connections made, found and lost, requests passed on, those to ourselves, and refusals."""
    served = 0

    async def script(talk: Conversation) -> None:
        nonlocal served
        while await whole(talk):
            served += 1
            if served == 2:
                return
            await talk.say(OK)

    async with upstream(script) as backend, alone(backend.port) as proxy:
        stats = proxy.lane.stats
        for method in ("GET", "GET", "POST"):
            await proxy.ask(proxy.head(mode, "/x", CLOSE, method=method))
        assert (stats.upstream_connects, stats.upstream_reused, stats.upstream_retried) == (3, 1, 1)
        assert (stats.forwards, served, stats.local, stats.upstream_failed) == (4, 4, 0, 0)
        for _ in range(2):
            await proxy.ask(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n" + END)
        await proxy.ask(b"GET / HTTP/1.1\r\nHost: evil.org\r\n" + END)
        assert (stats.local, stats.forwards, stats.errors) == (2, 4, {"unknown_host": 1})
        assert (stats.upstream_connects, stats.upstream_reused) == (3, 1)  # of backends
        assert stats.accepted == 6
        counts = stats.project("alpha").snapshot()
        assert (sum(counts.classes), counts.classes[2]) == (3, 3)
        assert counts.bytes_out > counts.bytes_in == 0


async def test_nobody_listens_is_counted(mode: str) -> None:
    """A backend that cannot be reached is told from one that answers."""
    async with alone(free_port()) as proxy:
        await proxy.ask(proxy.head(mode, "/x", CLOSE))
        stats = proxy.lane.stats
        assert (stats.upstream_failed, stats.upstream_connects, stats.forwards) == (1, 0, 0)
        assert stats.errors == {"no_answer": 1}


CROWDED = [
    (Limits(connections=2), "overloaded"),
    (Limits(per_address=2), "too_many_connections"),
]


@pytest.mark.parametrize(("limits", "error"), CROWDED)
async def test_too_many_connections(mode: str, limits: Limits, error: str) -> None:
    """One too many is told so, and when to come back; when another one goes there is room."""
    async with upstream() as backend, alone(backend.port, limits=limits) as proxy:
        async with proxy.client() as first, proxy.client() as second:
            for client in (first, second):
                await client.send(proxy.head(mode, "/"))
                assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
            assert (proxy.lane.stats.connections, proxy.lane.occupancy.connections) == (2, 2)
            start, fields, body = split(await proxy.ask(b""))
            assert start == b"HTTP/1.1 503 Service Unavailable"
            assert value(fields, b"retry-after") == [b"1"]
            assert value(fields, b"connection") == [b"close"]
            assert json.loads(body)["error"] == error
            second.writer.write_eof()
            assert await second.rest() == b"ok"
            answer = await proxy.ask(proxy.head(mode, "/", CLOSE))
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert backend.seen.count(b"GET ") == 3
        assert proxy.lane.stats.errors == {error: 1}


async def test_no_file_descriptor_left(mode: str) -> None:
    """Who cannot be served now is told to come back, and then is; the router goes on."""
    async with (
        upstream() as backend,
        alone(backend.port) as proxy,
        proxy.client() as client,
        proxy.client() as own,
    ):
        health = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        asking = ((client, proxy.head(mode, "/x")), (own, health))
        for one, _ in asking:
            await one.send(b"HEAD / HTTP/1.1\r\nHost: evil.org\r\n\r\n")
            await one.head()  # now it has been accepted
        with no_descriptors():
            for one, asked in asking:
                await one.send(asked)
                start, fields, _ = split(await one.head())
                assert start == b"HTTP/1.1 503 Service Unavailable"
                assert value(fields, b"retry-after") == [b"1"]
                body = await one.exactly(int(value(fields, b"content-length")[0]))
                assert json.loads(body)["error"] == "overloaded"
        for one, asked in asking:
            await one.send(asked)
            assert (await one.head()).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_defect_costs_one_request(
    mode: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What goes wrong on the way to a backend is 500 and logged, once; others are served."""

    async def busy(_: Listener) -> None:
        raise ValueError("odd")

    async with upstream() as one, upstream() as two, alone(one.port, two.port) as proxy:
        monkeypatch.setattr(proxy.context.client, "busy", busy)
        for count in (1, 2):
            answer = await proxy.ask(proxy.head(mode, "/session/ses_1/message", CLOSE))
            start, _, body = split(answer)
            assert start == b"HTTP/1.1 500 Internal Server Error"
            assert json.loads(body)["error"] == "internal_error"
            assert len([r for r in caplog.records if r.exc_info]) == count
            assert (await proxy.ask(proxy.head(mode, "/x", CLOSE))).endswith(b"ok")
    assert [r.levelname for r in caplog.records] == ["ERROR"] * 2


async def test_a_table_that_changes(mode: str) -> None:
    """The same request goes where the table of the moment says."""
    async with upstream() as one, upstream() as two, alone(one.port) as proxy:
        request = proxy.head(mode, "/x", CLOSE)
        await proxy.ask(request)
        proxy.registry.observe(make("/home/alice/alpha", one.port, Status.STARTING))
        assert (await proxy.ask(request)).startswith(b"HTTP/1.1 503 ")
        proxy.registry.observe(make("/home/alice/alpha", two.port))
        assert (await proxy.ask(request)).startswith(b"HTTP/1.1 200 ")
        assert (len(one.conversations), len(two.conversations)) == (1, 1)
