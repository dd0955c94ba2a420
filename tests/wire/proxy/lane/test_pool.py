"""Connections to backends: which are used again, and for how long."""

from __future__ import annotations

import asyncio
import socket

import pytest
from tests.rig.ports import free_port
from tests.wire.proxy.lane.holding import Clock, Holder, ask, listener, new_pool, nobody
from tests.wire.proxy.through import LONG
from tests.wire.proxy.upstream import OK, Conversation, upstream, whole

from opencoderouter.core.model import Listener
from opencoderouter.proxy.lane.pool import LOCAL, ChangedHandsError, Pool
from opencoderouter.proxy.lane.upstream import Upstream


async def ended(talk: Conversation) -> None:
    """Wait until the pool has closed a connection."""
    async with asyncio.timeout(LONG):
        await talk.gone.wait()


async def test_kept_and_taken() -> None:
    """A connection that was kept is taken once; the last one first."""
    async with upstream() as backend:
        pool, there = new_pool(), listener(backend.port)
        assert pool.take(there.key) is None
        one, two = await pool.open(there), await pool.open(there)
        assert not one.used
        for connection in (one, two):
            await ask(connection)
            pool.keep(connection)
            assert connection.holder is None
        assert len(pool) == 2
        assert [pool.take(there.key) for _ in range(3)] == [two, one, None]
        assert (one.used, len(pool)) == (True, 0)
        for connection in (one, two):
            await ask(connection)
            connection.drop()


async def test_a_port_with_another_socket_is_another_backend() -> None:
    """A port that changed hands does not get the connections of its former owner."""
    async with upstream() as backend:
        pool, there = new_pool(), listener(backend.port)
        pool.keep(await pool.open(there))
        assert pool.take(Listener(there.address, there.port, inode=999).key) is None
        assert len(pool) == 1
        pool.close()


async def test_surplus_while_idle() -> None:
    """A connection on which a backend talks unasked is closed: nothing is taken for an answer."""
    go = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await whole(talk)
        await talk.say(OK)
        await go.wait()
        await talk.say(OK)
        await talk.to_end()

    async with upstream(script) as backend:
        pool, there = new_pool(), listener(backend.port)
        connection = await pool.open(there)
        await ask(connection)
        pool.keep(connection)
        go.set()
        await ended(await backend.conversation())
        assert pool.take(there.key) is None
        assert len(pool) == 0


class Watched(Pool):
    """Tells when a connection is no more."""

    def __init__(self) -> None:
        super().__init__(nobody, Clock())
        self.told = asyncio.Event()

    def lost(self, upstream: Upstream) -> None:
        """Forget it, and tell."""
        super().lost(upstream)
        self.told.set()


async def test_closed_by_the_backend() -> None:
    """A connection that has been closed meanwhile is not used again."""

    async def script(talk: Conversation) -> None:
        await whole(talk)
        await talk.say(OK)

    async with upstream(script) as backend:
        pool, there = Watched(), listener(backend.port)
        connection = await pool.open(there)
        await ask(connection)
        pool.keep(connection)
        async with asyncio.timeout(LONG):
            await pool.told.wait()
        assert len(pool) == 0
        assert pool.take(there.key) is None


async def test_unfit() -> None:
    """What is being closed, or was not read by its backend, is neither kept nor taken."""
    async with upstream() as backend:
        pool, there = new_pool(), listener(backend.port)
        closing, slow, kept = [await pool.open(there) for _ in range(3)]
        closing.transport.close()
        slow.pause_writing()
        pool.keep(closing)
        pool.keep(slow)
        assert len(pool) == 0
        pool.keep(kept)
        kept.transport.close()
        assert pool.take(there.key) is None
        for number in range(3):
            await ended(await backend.conversation(number))


async def test_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend has a few idle connections; one too many is closed."""
    monkeypatch.setattr("opencoderouter.proxy.lane.pool.MOST", 2)
    async with upstream() as backend, upstream() as other:
        pool, there = new_pool(), listener(backend.port)
        opened = [await pool.open(there) for _ in range(3)]
        for connection in opened:
            await ask(connection)
            pool.keep(connection)
        await ended(await backend.conversation(2))
        pool.keep(await pool.open(listener(other.port)))
        assert len(pool) == 3
        assert [pool.take(there.key) for _ in range(3)] == [opened[1], opened[0], None]
        for connection in opened:
            connection.drop()
        pool.close()


async def test_only_so_many_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """When all backends together have too many, the one that has been idle longest goes."""
    monkeypatch.setattr("opencoderouter.proxy.lane.pool.MOST_IN_ALL", 2)
    async with upstream() as one, upstream() as two:
        pool = new_pool()
        opened = [await pool.open(listener(port)) for port in (one.port, two.port, two.port)]
        for connection in opened:
            pool.keep(connection)
        await ended(await one.conversation())
        assert len(pool) == 2
        assert pool.take(listener(one.port).key) is None
        assert pool.take(listener(two.port).key) is opened[2]
        opened[2].drop()
        pool.close()


async def test_let_go_in_time() -> None:
    """Who has been idle for too long is closed by the sweep, by nothing else; a use counts."""
    clock = Clock()
    async with upstream() as backend:
        pool, there = new_pool(clock), listener(backend.port)
        early, late = await pool.open(there), await pool.open(there)
        pool.keep(early)
        clock.now += 6
        pool.keep(late)
        pool.sweep()
        assert len(pool) == 2
        clock.now += 6
        assert len(pool) == 2
        pool.sweep()
        await ended(await backend.conversation(0))
        assert len(pool) == 1
        assert pool.take(there.key) is late
        clock.now += 100
        pool.sweep()
        await ask(late)
        pool.keep(late)
        pool.sweep()
        assert pool.take(there.key) is late
        late.drop()


async def test_a_port_that_changed_hands() -> None:
    """Who has another's port gets a connection that is closed at once, and not one octet."""
    asked: list[Listener] = []

    def denies(there: Listener) -> bool:
        asked.append(there)
        return False

    async with upstream() as backend:
        pool = Pool(nobody, Clock(), denies)
        there = Listener("127.0.0.1", backend.port, uid=1, inode=999)
        with pytest.raises(ChangedHandsError):
            await pool.open(there)
        assert asked == [there]
        talk = await backend.conversation()
        await ended(talk)
        assert (bytes(talk.seen), len(pool)) == (b"", 0)


async def test_asked_once_connected() -> None:
    """The question is put once the connection is made: before, the port could still change."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)  # noqa: FBT003 - the standard library's
        accepted: list[socket.socket] = []

        def agrees(_: Listener) -> bool:
            accepted.append(server.accept()[0])
            return True

        pool = Pool(nobody, Clock(), agrees)
        there = Listener("127.0.0.1", server.getsockname()[1], uid=1, inode=999)
        connection = await pool.open(there)
        with accepted[0] as end:
            end.sendall(b"HTTP/1.1 200 OK\r\n\r\nok")
            await ask(connection)
            pool.keep(connection)
            assert pool.take(there.key) is connection
        connection.drop()
    assert len(accepted) == 1


async def test_nobody_can_be_asked() -> None:
    """Of a listener that was found without the kernel the kernel is not asked."""

    def denies(_: Listener) -> bool:
        raise AssertionError

    async with upstream() as backend:
        pool = Pool(nobody, Clock(), denies)
        connection = await pool.open(Listener("127.0.0.1", backend.port))
        await ask(connection)
        connection.drop()


async def test_let_go_in_the_end() -> None:
    """All that are kept are closed at the end; those at work are not."""
    async with upstream() as backend:
        pool, there = new_pool(), listener(backend.port)
        kept, working = await pool.open(there), await pool.open(there)
        await ask(kept)
        pool.keep(kept)
        pool.close()
        await ended(await backend.conversation(0))
        await ask(working)
        working.drop()


async def test_nobody_there() -> None:
    """A refused connection is an OSError."""
    with pytest.raises(ConnectionRefusedError):
        await new_pool().open(listener(free_port()))


async def test_a_backend_that_accepts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that takes too long is an OSError, too."""
    monkeypatch.setattr("opencoderouter.proxy.lane.pool.CONNECT", 0.05)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()), pytest.raises(TimeoutError):
            await new_pool().open(listener(full.getsockname()[1]))
    assert issubclass(TimeoutError, OSError)


async def test_wildcard_and_ipv6() -> None:
    """A backend that listens everywhere is reached by loopback."""
    async with upstream() as backend:
        connection = await new_pool().open(Listener("0.0.0.0", backend.port))
        await ask(connection)
        connection.drop()


async def test_the_application() -> None:
    """Our own application is behind one end of a stream, and kept by a key of its own."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)  # noqa: FBT003 - the standard library's
    pool = Pool(lambda: ours, Clock())
    connection = await pool.open(None)
    assert connection.key == LOCAL
    holder = connection.holder = Holder()
    connection.transport.write(b"question")
    with theirs:
        assert theirs.recv(100) == b"question"
        theirs.sendall(b"answer")
        await holder.is_told(b"answer")
        pool.keep(connection)
        assert pool.take(LOCAL) is connection
        connection.drop()
