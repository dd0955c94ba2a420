"""Workers as processes: they share the port, come back, hear of tables, and end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import backend
from tests.wire.wiring.stub import Stub

from opencoderouter.core.hosts import Names
from opencoderouter.core.model import Listener
from opencoderouter.proxy.lane.lane import Routing
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.occupancy import Occupancy
from opencoderouter.proxy.lane.stats import Snapshot, Stats, merge
from opencoderouter.proxy.listening import accepting, bind
from opencoderouter.registry import Registry
from opencoderouter.wiring.messages import Start
from opencoderouter.wiring.workers import Owner, Workers, pause

LONG = 20.0  # seconds that only a hang takes
either_loop = pytest.mark.parametrize(
    "module", ["tests.wire.wiring.stub", "tests.wire.wiring.plain"]
)
Json = Any


@dataclass(frozen=True, slots=True)
class Client:
    """A connection to whichever process took it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, command: str) -> Json:
        """Return the answer to a command. Raises ConnectionError."""
        self.writer.write(command.encode() + b"\n")
        async with asyncio.timeout(LONG):
            line = await self.reader.readline()
        if not line:
            raise ConnectionResetError
        return json.loads(line)


class Nobody:
    """Asks no backend anything."""

    async def busy(self, _: Listener) -> frozenset[str] | None:
        """Know nothing."""
        return None


@dataclass
class Router:
    """An owner (this process) with workers, all with the lane that tells who serves."""

    workers: Workers
    port: int
    shares: list[list[socket.socket]]
    registry: Registry = field(default_factory=Registry)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.occupancy = Occupancy.create(1 + len(self.shares))

    def routing(self) -> Routing:
        """Return what the owner's own lane needs."""
        return Routing(
            table=lambda: self.registry.table,
            names=Names("ada"),
            inquirer=Nobody(),
            dial=lambda: pytest.fail("the owner is not asked"),
            limits=Limits(),
            occupancy=self.occupancy,
            stats=Stats(),
            access=None,
            closing=self.closing,
        )

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """Connect."""
        reader, writer = await asyncio.open_connection("127.9.9.9", self.port)
        try:
            yield Client(reader, writer)
        finally:
            writer.transport.abort()

    async def ask(self, command: str) -> Json:
        """Return what whoever takes a new connection answers."""
        async with self.client() as client:
            return await client.ask(command)

    async def until(self, command: str, *answers: Json) -> list[Json]:
        """Return the answers to a command from new connections, all of ``answers`` among them."""
        heard: list[Json] = []
        async with asyncio.timeout(LONG):
            while not set(map(str, answers)) <= set(map(str, heard)):
                heard.append(await self.ask(command))
                await asyncio.sleep(0.01)
        return heard

    async def until_both(self, command: str) -> list[Json]:
        """Return what two workers answer."""
        heard: dict[Json, Json] = {}
        async with asyncio.timeout(LONG):
            while len(heard) < 2:
                async with self.client() as client:
                    heard[await client.ask("pid")] = await client.ask(command)
        return list(heard.values())

    async def figures(self, fit: Callable[[Snapshot], bool]) -> Snapshot:
        """Return the sum of all figures as soon as they are fit."""
        async with asyncio.timeout(LONG):
            while not fit(merge(self.workers.snapshots())):
                await self.ask("pid")
        return merge(self.workers.snapshots())

    async def refused(self) -> None:
        """Return when nobody accepts any more."""
        with suppress(ConnectionError):
            while True:
                await self.ask("pid")

    async def pids(self, count: int) -> set[int]:
        """Return who accepts, once that are so many without the owner."""
        async with asyncio.timeout(LONG):
            while True:
                found = {await self.ask("pid") for _ in range(20 * count)} - {os.getpid()}
                if len(found) == count:
                    return {pid for pid in found if isinstance(pid, int)}


def runs(pid: int) -> bool:
    """Tell whether there is such a process, be it a zombie."""
    return Path(f"/proc/{pid}").exists()


def answer(sock: socket.socket) -> None:
    """Be the application."""
    with sock:
        sock.setblocking(True)  # noqa: FBT003 - the standard library's
        sock.sendall(b"the owner hears " + sock.recv(1))


@asynccontextmanager
async def running(
    workers: int, *, grace: float = 5.0, module: str = "tests.wire.wiring.stub"
) -> AsyncIterator[Router]:
    """Run an owner that accepts nothing itself but where a worker does not."""
    own, *shares = bind("127.9.9.9", 0, 1 + workers)
    port = own[0].getsockname()[1]
    for sock in own:
        sock.close()
    start = Start(Names("ada"), Limits(), grace, 1.0, "text", "info", "off", "common")
    router = Router(Workers(start, shares, module=module), port, shares)
    lane = Stub(router.routing())
    owner = Owner(
        registry=router.registry,
        occupancy=router.occupancy,
        closing=router.closing,
        serve_local=answer,
        accept=partial(accepting, lane.protocol),
    )
    async with asyncio.TaskGroup() as group:
        service = group.create_task(router.workers.run(owner), name="workers")
        service.add_done_callback(lambda _: router.done.set())
        try:
            yield router
        finally:
            router.closing.set()
            for transport in lane.open:
                transport.abort()


@either_loop
async def test_clients_are_spread_over_the_workers(module: str) -> None:
    """Each of three workers takes a part of sixty clients; the owner has none of them."""
    async with running(3, module=module) as router:
        pids = await router.pids(3)
        heard = [await router.ask("pid") for _ in range(60)]
        assert set(heard) == pids
        assert all(heard.count(pid) > 2 for pid in pids)


async def test_a_worker_has_nothing_but_its_own() -> None:
    """A worker holds the sockets of its own share, and neither the others' nor any other file."""
    async with running(2) as router:
        await router.pids(2)
        inodes = [f"socket:[{os.fstat(one.fileno()).st_ino}]" for (one,) in router.shares]
        first, second = await router.until_both("fds")
        for held in (first, second):
            assert len([one for one in inodes if one in held]) == 1
            rest = [one for one in held if not one.startswith(("socket:", "anon_inode:", "pipe:"))]
            assert sum("/dev/null" in one for one in rest) <= 3
            assert sum("occupancy" in one for one in rest) <= 2


@either_loop
async def test_a_killed_worker_loses_its_own_and_comes_back(module: str) -> None:
    """Only the clients of the one that was killed lose their connection; another follows."""
    async with running(2, module=module) as router, AsyncExitStack() as clients:
        one, other = sorted(await router.pids(2))
        connected = [await clients.enter_async_context(router.client()) for _ in range(30)]
        served = [await client.ask("pid") for client in connected]
        os.kill(one, signal.SIGKILL)
        for client, pid in zip(connected, served, strict=True):
            if pid == other:
                assert await client.ask("pid") == other
            else:
                with pytest.raises(ConnectionError):
                    await client.ask("pid")
        assert other in await router.pids(2)
        alive = await router.until("connections", served.count(other) + 1)
        assert alive[-1] == served.count(other) + 1


async def test_who_waits_for_a_dead_worker_is_served() -> None:
    """Connections that a worker had not taken when it was killed are served by another process."""
    async with running(1) as router:
        (pid,) = await router.pids(1)
        os.kill(pid, signal.SIGSTOP)
        async with router.client() as client:
            client.writer.write(b"pid\n")
            os.kill(pid, signal.SIGKILL)
            assert await client.ask("connections") not in {None, pid}
        assert await router.pids(1) != {pid}


async def test_a_worker_that_hangs_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a worker that does nothing any more is served by another process."""
    monkeypatch.setattr("opencoderouter.wiring.workers._SILENCE", 5.0)
    async with running(1) as router:
        (pid,) = await router.pids(1)
        os.kill(pid, signal.SIGSTOP)
        async with router.client() as client:
            assert await client.ask("connections") not in {None, pid}
        assert await router.pids(1) != {pid}


async def test_who_cannot_be_served_by_a_worker_is_served_by_the_owner(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A worker that does not come up is tried again after a while, told in one line each time."""
    async with running(1, module="tests.wire.wiring.nowhere") as router:
        async with asyncio.timeout(LONG):
            while len(caplog.messages) < 2:
                assert await router.ask("pid") == os.getpid()
        assert await router.ask("pid") == os.getpid()
    assert [line.rpartition(" ")[2] for line in caplog.messages] == ["next=0s", "next=1s"]


def test_pauses() -> None:
    """The first replacement comes at once, each further one later, none later than 30 s."""
    assert [pause(ends) for ends in range(10)] == [0, 0, 1, 2, 4, 8, 16, 30, 30, 30]


async def test_tables_reach_every_worker() -> None:
    """What the registry learns is known to all workers; a new one knows it from its start."""
    async with running(2) as router:
        pids = await router.pids(2)
        for port in range(200):
            router.registry.observe(backend(f"/home/ada/{port % 7}", 30000 + port))
        async with asyncio.timeout(LONG):
            while set(map(str, [await router.ask("version") for _ in range(20)])) != {"200"}:
                pass
        os.kill(min(pids), signal.SIGKILL)
        await router.pids(2)
        assert {str(await router.ask("version")) for _ in range(40)} == {"200"}


@either_loop
async def test_the_application_is_asked_through_a_worker(module: str) -> None:
    """A worker gets a stream to the owner's application, as often as it asks for one."""
    async with running(2, module=module) as router:
        await router.pids(2)
        for _ in range(20):
            assert await router.ask("local") == "the owner hears ?"


@either_loop
async def test_the_end_is_graceful(module: str) -> None:
    """When the router closes nobody comes in any more; who is in may finish; then all end."""
    async with running(2, grace=1000, module=module) as router:
        pids = await router.pids(2)
        async with router.client() as client:
            assert await client.ask("pid") in pids
            router.closing.set()
            async with asyncio.timeout(LONG):
                await router.refused()
            assert await client.ask("pid") in pids
            assert not router.done.is_set()
        async with asyncio.timeout(LONG):
            await router.done.wait()
        assert not any(map(runs, pids))


async def test_who_does_not_end_is_killed() -> None:
    """A worker that hears nothing is gone a moment after the grace."""
    async with running(1, grace=0.1) as router:
        (pid,) = await router.pids(1)
        os.kill(pid, signal.SIGSTOP)
        router.closing.set()
        async with asyncio.timeout(LONG):
            await router.done.wait()
        assert not runs(pid)


async def test_figures_outlive_their_worker() -> None:
    """What a worker has counted stays in the sum when it is killed; what it had open does not."""
    async with running(1) as router:
        (pid,) = await router.pids(1)
        async with router.client() as client:
            assert await client.ask("pid") == pid
            before = await router.figures(lambda figures: figures.connections >= 1)
            os.kill(pid, signal.SIGKILL)
            await router.pids(1)
            after = await router.figures(lambda figures: figures.connections == 0)
        assert after.accepted >= before.accepted > 0


async def test_signals_of_the_terminal_are_not_for_workers() -> None:
    """SIGINT, SIGTERM and SIGHUP leave a worker as it is."""
    async with running(1) as router:
        (pid,) = await router.pids(1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pid, number)
        assert await router.pids(1) == {pid}
        assert os.getpgid(pid) != os.getpgid(0)
