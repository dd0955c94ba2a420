"""Who is at the other end: what the kernel says, and nothing that it does not."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from opencoderouter.access.door import Address, Door
from opencoderouter.core.grant import Caller
from opencoderouter.core.keyring import Auth
from opencoderouter.kernel.peers import Owner

ME, OTHER = 1000, 1001
HERE = ("127.0.0.1", 8080)
FREE = Caller("127.0.0.1", ME, free=True)


def client(port: int) -> Address:
    """Return a client of this machine; the inode of its socket has its port's number."""
    return ("127.0.0.1", port)


@dataclass
class Kernel:
    """Says that all sockets are ``uid``'s; those in ``gone`` are closed after the first look."""

    uid: int = ME
    gone: set[int] = field(default_factory=set)
    reused: set[int] = field(default_factory=set)
    asked: list[int] = field(default_factory=list)

    def client(self, client: Address, server: Address) -> Owner | None:
        """Return who owns a socket."""
        assert server == HERE
        again = client[1] in self.asked
        self.asked.append(client[1])
        if again and client[1] in self.gone:
            return None
        return Owner(self.uid, client[1] + 1 if again and client[1] in self.reused else client[1])


@dataclass
class Kin:
    """Knows the agents, or fails; takes note of what it is asked, and holds on until it may."""

    known: frozenset[int] = frozenset()
    broken: bool = False
    asked: list[Collection[int]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    begun: threading.Event = field(default_factory=threading.Event)
    may: threading.Event = field(default_factory=threading.Event)

    def agents(self, inodes: Collection[int]) -> frozenset[int]:
        """Return those of the sockets that agents have."""
        self.asked.append(inodes)
        self.threads.add(threading.get_ident())
        self.begun.set()
        assert self.may.wait(20)
        if self.broken:
            raise PermissionError("/proc")
        return self.known & frozenset(inodes)


class Told:
    """What was decided, by port."""

    def __init__(self) -> None:
        self.callers: dict[int, list[Caller]] = {}
        self._news = asyncio.Event()

    def of(self, port: int) -> Callable[[Caller], None]:
        """Return what is to be told of a client."""

        def decided(caller: Caller) -> None:
            self.callers.setdefault(port, []).append(caller)
            self._news.set()

        return decided

    async def until(self, count: int) -> None:
        """Return when so many have been decided."""
        async with asyncio.timeout(20):
            while len(self.callers) < count:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def running(door: Door, kin: Kin) -> AsyncIterator[None]:
    """Run the door's service while the block runs."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(door.run())
        try:
            yield
        finally:
            kin.may.set()
            task.cancel()


def never(caller: Caller) -> None:
    """Fail: whoever is known at once is not decided later."""
    raise AssertionError(caller)


@pytest.mark.parametrize(
    ("auth", "uid", "address", "caller"),
    [
        ("off", ME, "127.0.0.1", Caller("127.0.0.1")),
        ("always", ME, "127.0.0.1", Caller("127.0.0.1", ME)),
        ("always", OTHER, "127.0.0.1", Caller("127.0.0.1", OTHER)),
        ("auto", OTHER, "127.0.0.1", Caller("127.0.0.1", OTHER)),
        ("auto", 0, "::1", Caller("::1", 0)),
        ("auto", ME, "192.0.2.9", Caller("192.0.2.9", ME)),
        ("auto", OTHER, "192.0.2.9", Caller("192.0.2.9", OTHER)),
        ("auto", ME, "fe80::1%eth0", Caller("fe80::1%eth0", ME)),
        ("auto", ME, "", Caller("", ME)),
    ],
)
async def test_who_is_known_at_once(auth: Auth, uid: int, address: str, caller: Caller) -> None:
    """Others are not free, nor is who comes by an address that is not loopback.

    Nobody waits to hear so, and users of this machine are told apart by whatever address they come.
    """
    kin = Kin()
    door = Door(auth, ME, Kernel(uid), kin)
    assert door.look((address, 4000), HERE, never) == caller
    assert not kin.asked


async def test_who_is_not_known() -> None:
    """Where the kernel cannot be asked, or knows no such socket, nobody is free."""
    assert Door("auto", ME, None, Kin()).look(client(1), HERE, never) == Caller("127.0.0.1")
    kernel = Kernel(gone={1}, asked=[1])
    assert Door("auto", ME, kernel, Kin()).look(client(1), HERE, never) == Caller("127.0.0.1")


async def test_our_own_user_and_agents() -> None:
    """Who is no agent is free; an agent is our own user, but not free."""
    kin, told = Kin(frozenset({2})), Told()
    kin.may.set()
    door = Door("auto", ME, Kernel(), kin)
    async with running(door, kin):
        for port in (1, 2):
            assert door.look(client(port), HERE, told.of(port)) is None
        await told.until(2)
    assert told.callers == {1: [FREE], 2: [Caller("127.0.0.1", ME)]}


@pytest.mark.parametrize("kernel", [Kernel(gone={1}), Kernel(reused={1})])
async def test_a_socket_that_is_gone_meanwhile(kernel: Kernel) -> None:
    """Nobody can tell any more whose it was, or it is another one: it is not free."""
    kin, told = Kin(), Told()
    kin.may.set()
    door = Door("auto", ME, kernel, kin)
    async with running(door, kin):
        assert door.look(client(1), HERE, told.of(1)) is None
        assert door.look(client(5), HERE, told.of(5)) is None
        await told.until(2)
    assert told.callers == {1: [Caller("127.0.0.1", ME)], 5: [FREE]}


async def test_when_nobody_can_tell_who_is_an_agent(caplog: pytest.LogCaptureFixture) -> None:
    """None of those who wait is free; those who come later are looked at anew."""
    kin, told = Kin(broken=True), Told()
    kin.may.set()
    door = Door("auto", ME, Kernel(), kin)
    async with running(door, kin):
        with caplog.at_level(logging.CRITICAL, "opencoderouter"):
            door.look(client(1), HERE, told.of(1))
            await told.until(1)
        kin.broken = False
        door.look(client(2), HERE, told.of(2))
        await told.until(2)
    assert told.callers == {1: [Caller("127.0.0.1", ME)], 2: [FREE]}


async def test_many_at_once() -> None:
    """They are looked at together, so many at a time, in a thread; each is decided once."""
    kin, told = Kin(frozenset(range(0, 1000, 7))), Told()
    door = Door("auto", ME, Kernel(), kin)
    async with running(door, kin):
        for port in range(600):
            assert door.look(client(port), HERE, told.of(port)) is None
            if port == 300:  # the service begins, and is held up
                assert await asyncio.to_thread(kin.begun.wait, 20)
        assert not told.callers
        kin.may.set()
        await told.until(600)
    assert all(told.callers[port] == [FREE._replace(free=port % 7 != 0)] for port in range(600))
    assert sum(len(inodes) for inodes in kin.asked) == 600
    assert max(len(inodes) for inodes in kin.asked) <= 256
    assert len(kin.asked) < 6
    assert threading.get_ident() not in kin.threads


async def test_the_loop_is_not_held_up() -> None:
    """While it is found out who is an agent, others are known at once."""
    kin, told, kernel = Kin(), Told(), Kernel()
    door = Door("auto", ME, kernel, kin)
    async with running(door, kin):
        door.look(client(1), HERE, told.of(1))
        assert await asyncio.to_thread(kin.begun.wait, 20)
        kernel.uid = OTHER
        assert door.look(client(2), HERE, never) == Caller("127.0.0.1", OTHER)
        kernel.uid = ME
        assert not told.callers
        kin.may.set()
        await told.until(1)
    assert told.callers == {1: [FREE]}


async def test_who_came_before_the_service_runs() -> None:
    """They wait, and are not forgotten; once it has ended nobody is decided."""
    kin, told = Kin(), Told()
    kin.may.set()
    door = Door("auto", ME, Kernel(), kin)
    door.look(client(1), HERE, told.of(1))
    async with running(door, kin):
        await told.until(1)
    door.look(client(2), HERE, never)
    assert told.callers == {1: [FREE]}
