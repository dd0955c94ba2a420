"""A connection to a backend: who hears what of it."""

from __future__ import annotations

import asyncio

import pytest
from tests.wire.proxy.lane.holding import Clock, Holder, listener, new_pool
from tests.wire.proxy.through import LONG
from tests.wire.proxy.upstream import Conversation, upstream

from opencoderouter.proxy.lane.pool import STUCK
from opencoderouter.proxy.lane.upstream import Upstream

PIECE = b"x" * (1 << 20)


async def test_what_it_says_goes_to_who_has_it() -> None:
    """To each in his time, and nothing to the one before."""

    async def script(talk: Conversation) -> None:
        while True:
            await talk.say(await talk.exactly(3))

    async with upstream(script) as backend:
        connection = await new_pool().open(listener(backend.port))
        one, two = Holder(), Holder()
        connection.holder = one
        connection.transport.write(b"abc")
        await one.is_told(b"abc")
        connection.holder = two
        connection.transport.write(b"def")
        await two.is_told(b"def")
        assert (one.said, two.said) == (b"abc", b"def")
        connection.drop()


@pytest.mark.parametrize("reset", [True, False])
async def test_the_end(reset: bool) -> None:  # noqa: FBT001
    """The backend's end is told once, and how it ended; the connection is not fit for more."""

    async def script(talk: Conversation) -> None:
        await talk.exactly(3)
        if reset:
            talk.reset()

    async with upstream(script) as backend:
        pool = new_pool()
        connection = await pool.open(listener(backend.port))
        holder = connection.holder = Holder()
        before = connection.fit
        connection.transport.write(b"abc")
        await holder.hears("reset" if reset else "ended")
        assert (before, connection.fit) == (True, False)
        await asyncio.sleep(0)
        assert holder.heard == (["reset"] if reset else ["finished", "ended"])
        assert connection.holder is None


async def test_half_an_end() -> None:
    """Who listens on may still send to a backend that has finished."""

    async def script(talk: Conversation) -> None:
        talk.writer.write_eof()
        await talk.exactly(3)

    async with upstream(script) as backend:
        connection = await new_pool().open(listener(backend.port))
        holder = connection.holder = Holder(listens=True)
        await holder.hears("finished")
        assert not connection.transport.is_closing()
        connection.transport.write(b"abc")
        talk = await backend.conversation()
        async with asyncio.timeout(LONG):
            await talk.gone.wait()
        assert talk.seen == b"abc"
        connection.drop()


async def test_a_backend_that_does_not_keep_up() -> None:
    """Who has the connection hears of it, and when it goes on; meanwhile it is not fit."""
    go = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await go.wait()
        await talk.to_end()

    async with upstream(script) as backend:
        connection = await new_pool().open(listener(backend.port))
        holder = connection.holder = Holder()
        while not holder.heard:
            connection.transport.write(PIECE)
            await asyncio.sleep(0)
        assert (holder.heard, connection.fit) == (["full"], False)
        go.set()
        await holder.hears("free")
        assert connection.fit
        connection.drop()


async def test_a_backend_that_takes_nothing() -> None:
    """It is given up in time, and who has the connection hears of it; who goes on is not."""
    clock, go = Clock(), asyncio.Event()

    async def script(talk: Conversation) -> None:
        if await talk.exactly(2) == b"go":
            await go.wait()
            await talk.to_end()
        await asyncio.Event().wait()

    async with upstream(script) as backend:
        pool, there = new_pool(clock), listener(backend.port)
        stuck, slow = [await pool.open(there) for _ in range(2)]
        for connection, word in ((stuck, b"no"), (slow, b"go")):
            connection.holder = Holder()
            connection.transport.write(word)
            while connection.fit:
                connection.transport.write(PIECE)
                await asyncio.sleep(0)
        clock.now += STUCK - 1
        pool.sweep()
        assert not stuck.transport.is_closing()
        go.set()
        await heard(slow, "free")
        clock.now += 2
        pool.sweep()
        await heard(stuck, "ended")
        assert slow.fit
        slow.drop()


async def heard(connection: Upstream, what: str) -> None:
    """Wait until who has the connection has heard it."""
    assert isinstance(connection.holder, Holder)
    await connection.holder.hears(what)


async def test_a_backend_that_takes_nothing_of_the_last() -> None:
    """Closing waits for what is still to be sent, not for ever."""
    clock, go = Clock(), asyncio.Event()

    async def script(talk: Conversation) -> None:
        await go.wait()
        await talk.to_end()

    async with upstream(script) as backend:
        pool = new_pool(clock)
        connection = await pool.open(listener(backend.port))
        connection.transport.set_write_buffer_limits(high=1 << 30)
        while not connection.transport.get_write_buffer_size():
            connection.transport.write(PIECE)
        connection.close()
        for seconds, left in ((STUCK - 1, True), (2, False)):
            clock.now += seconds
            pool.sweep()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert (connection.transport.get_write_buffer_size() > 0) is left
        go.set()


async def test_dropped() -> None:
    """Who drops a connection hears no more of it; the backend hears at once."""

    async def script(talk: Conversation) -> None:
        await talk.exactly(3)
        await talk.to_end()

    async with upstream(script) as backend:
        connection = await new_pool().open(listener(backend.port))
        holder = connection.holder = Holder()
        connection.transport.write(b"abc")
        talk = await backend.conversation()
        connection.drop()
        async with asyncio.timeout(LONG):
            await talk.gone.wait()
        assert (holder.heard, connection.fit) == ([], False)
