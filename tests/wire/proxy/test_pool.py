"""Connections to backends: which are used again, and for how long."""

from __future__ import annotations

import asyncio

import pytest
from tests.fakes import backend as make
from tests.wire.proxy.through import LONG
from tests.wire.proxy.upstream import OK, Conversation, upstream, whole

from opencoderouter.core.model import Listener
from opencoderouter.proxy.pool import Pool, Upstream


def listener(port: int) -> Listener:
    """Return the listener of a backend."""
    return make("/x", port).listener


async def ask(connection: Upstream) -> None:
    """Ask for something and read the answer to its end."""
    connection.expect(bodiless=False)
    await connection.writer.write(b"GET / HTTP/1.1\r\n\r\n")
    _, content = await connection.protocol.read()
    assert await content.read() == b"ok"


async def test_kept_and_taken() -> None:
    """A connection that was kept is taken once; the last one first."""
    async with upstream() as backend:
        pool, there = Pool(), listener(backend.port)
        assert pool.take(there) is None
        one, two = await pool.open(there), await pool.open(there)
        for connection in (one, two):
            await ask(connection)
            pool.keep(connection)
        taken = [pool.take(there), pool.take(there), pool.take(there)]
        assert [t and t.protocol for t in taken] == [two.protocol, one.protocol, None]
        for connection in (one, two):
            connection.protocol.abort()


async def test_a_port_with_another_socket_is_another_backend() -> None:
    """A port that changed hands does not get the connections of its former owner."""
    async with upstream() as backend:
        pool, there = Pool(), listener(backend.port)
        connection = await pool.open(there)
        await ask(connection)
        pool.keep(connection)
        assert pool.take(Listener(there.address, there.port, inode=999)) is None
        pool.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + OK,
    ],
)
async def test_unfit(answer: bytes) -> None:
    """A connection that the backend is about to close, or talks on unasked, is not used again."""
    async with upstream(answer) as backend:
        pool, there = Pool(), listener(backend.port)
        connection = await pool.open(there)
        await ask(connection)
        pool.keep(connection)
        assert pool.take(there) is None


async def test_closed_by_the_backend() -> None:
    """A connection that has been closed meanwhile is not used again."""

    async def script(talk: Conversation) -> None:
        await whole(talk)
        await talk.say(OK)

    async with upstream(script) as backend:
        pool, there = Pool(), listener(backend.port)
        connection = await pool.open(there)
        closed = connection.protocol.closed
        assert closed is not None
        await ask(connection)
        pool.keep(connection)
        async with asyncio.timeout(LONG):
            await closed
        assert pool.take(there) is None


async def test_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend has a few idle connections; one too many is closed."""
    monkeypatch.setattr("opencoderouter.proxy.pool.MOST", 2)
    async with upstream() as backend:
        pool, there = Pool(), listener(backend.port)
        for connection in [await pool.open(there) for _ in range(3)]:
            await ask(connection)
            pool.keep(connection)
        kept = [pool.take(there) for _ in range(3)]
        assert [one is not None for one in kept] == [True, True, False]
        for one in kept:
            if one:
                one.protocol.abort()
        for number in range(3):
            talk = await backend.conversation(number)
            async with asyncio.timeout(LONG):
                await talk.gone.wait()


@pytest.mark.parametrize("how", ["idle", "close"])
async def test_let_go(how: str) -> None:
    """Idle connections are closed in time, all of them at the end."""
    async with upstream() as backend:
        pool = Pool(idle=0.01 if how == "idle" else 1000)
        connection = await pool.open(listener(backend.port))
        await ask(connection)
        pool.keep(connection)
        if how == "close":
            pool.close()
        talk = await backend.conversation()
        async with asyncio.timeout(LONG):
            await talk.gone.wait()
        assert pool.take(listener(backend.port)) is None


async def test_nobody_there() -> None:
    """A refused connection is an OSError."""
    async with upstream() as backend:
        port = backend.port
    with pytest.raises(ConnectionRefusedError):
        await Pool().open(listener(port))


async def test_wildcard_and_ipv6() -> None:
    """A backend that listens everywhere is reached by loopback."""
    async with upstream() as backend:
        connection = await Pool().open(Listener("0.0.0.0", backend.port))
        await ask(connection)
        connection.protocol.abort()
