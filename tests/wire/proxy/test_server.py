"""Listening on twins, and the end: what finishes, what ends at once, what is cut."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Iterator

import pytest
from tests.wire.proxy.through import LONG, split, through, value
from tests.wire.proxy.upstream import OK, Conversation, upstream

from opencoderouter.proxy.server import PortTaken, bind

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Expect no warning in the log: an end is worth none."""
    yield
    assert [r for r in caplog.get_records("call") if r.levelno >= logging.WARNING] == []


def bound(hostname: str, port: int = 0) -> list[tuple[str, int]]:
    """Return what would be bound, and let it go."""
    sockets = bind(hostname, port)
    names = [sock.getsockname()[:2] for sock in sockets]
    for sock in sockets:
        sock.close()
    return names


@pytest.mark.parametrize(
    ("hostname", "addresses"),
    [
        ("127.0.0.1", ["127.0.0.1", "::1"]),
        ("::1", ["127.0.0.1", "::1"]),
        ("[::1]", ["127.0.0.1", "::1"]),
        ("localhost", ["127.0.0.1", "::1"]),
        ("0.0.0.0", ["0.0.0.0", "::"]),
        ("::", ["0.0.0.0", "::"]),
        ("127.9.9.9", ["127.9.9.9"]),
    ],
)
def test_addresses(hostname: str, addresses: list[str]) -> None:
    """Loopback and wildcard come as twins on one port, other addresses alone."""
    names = bound(hostname)
    assert [name for name, _ in names] == addresses
    assert len({port for _, port in names}) == 1


def test_unknown_name() -> None:
    """A name that does not resolve is no address."""
    with pytest.raises(socket.gaierror):
        bind("nope.invalid", 0)


@pytest.mark.parametrize(
    ("holder", "hostname"),
    [
        *[("127.0.0.1", "127.0.0.1"), ("::1", "127.0.0.1"), ("::1", "localhost")],
        *[("127.0.0.1", "::1"), ("::1", "0.0.0.0"), ("127.0.0.1", "::"), ("::", "127.0.0.1")],
    ],
)
@pytest.mark.parametrize("reuse", [True, False])
def test_taken(holder: str, hostname: str, reuse: bool) -> None:  # noqa: FBT001
    """Whoever holds either twin, it fails, says where, and nothing stays bound."""
    family = socket.AF_INET6 if ":" in holder else socket.AF_INET
    with socket.socket(family) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        if family == socket.AF_INET6:
            held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        held.bind((holder, 0))
        held.listen()
        port = held.getsockname()[1]
        with pytest.raises(PortTaken) as failure:
            bind(hostname, port)
        assert failure.value.port == port
        assert (":" in failure.value.address) is (":" in holder)
    assert {p for _, p in bound(hostname, port)} == {port}


def test_not_by_a_second_router() -> None:
    """Two routers cannot share a port."""
    sockets = bind("127.0.0.1", 0)
    try:
        with pytest.raises(PortTaken):
            bind("127.0.0.1", sockets[0].getsockname()[1])
    finally:
        for sock in sockets:
            sock.close()


@pytest.mark.parametrize("lack", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_without_ipv6(monkeypatch: pytest.MonkeyPatch, lack: int) -> None:
    """On a machine without IPv6 its half is left out."""

    class NoIPv6(socket.socket):
        def __init__(self, family: int = -1, *args: int) -> None:
            if family == socket.AF_INET6 and lack == errno.EAFNOSUPPORT:
                raise OSError(lack, "no such family")
            super().__init__(family, *args)

        def bind(self, address: tuple[str, int], /) -> None:  # type: ignore[override]
            if self.family == socket.AF_INET6:
                raise OSError(lack, "no such address")
            super().bind(address)

    monkeypatch.setattr(socket, "socket", NoIPv6)
    assert [name for name, _ in bound("127.0.0.1")] == ["127.0.0.1"]
    with pytest.raises(OSError, match="no such"):
        bind("2001:db8::1", 0)


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
