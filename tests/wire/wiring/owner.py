"""An owner of workers that is the test itself; all have the lane that tells who serves."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.rig.entry import Entry, nobody
from tests.wire.wiring.stub import Stub

from opencoderouter.core.hosts import Names
from opencoderouter.core.keyring import Keyring
from opencoderouter.core.model import Listener
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.occupancy import Occupancy
from opencoderouter.proxy.lane.routing import Routing
from opencoderouter.proxy.lane.stats import Snapshot, Stats, merge
from opencoderouter.proxy.lane.strikes import Strikes
from opencoderouter.proxy.listening import accepting, bind
from opencoderouter.registry import Registry
from opencoderouter.wiring.messages import Start
from opencoderouter.wiring.workers import Owner, Workers

LONG = 20.0  # seconds that only a hang takes
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
    entry: Entry = field(default_factory=lambda: Entry(Keyring(password=b"first")))

    def __post_init__(self) -> None:
        self.occupancy = Occupancy.create(1 + len(self.shares))
        self.entry.strikes = Strikes.create(1 + len(self.shares))

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
            keyring=lambda: self.entry.keyring,
            door=nobody(),
            strikes=self.entry.strikes,
            record=self.entry.record,
            now=lambda: self.entry.clock,
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
    workers: int,
    *,
    grace: float = 5.0,
    module: str = "tests.wire.wiring.stub",
    audit: Path | None = None,
    tls: tuple[Path, Path] | None = None,
) -> AsyncIterator[Router]:
    """Run an owner that accepts nothing itself but where a worker does not."""
    own, *shares = bind("127.9.9.9", 0, 1 + workers)
    port = own[0].getsockname()[1]
    for sock in own:
        sock.close()
    start = Start(
        names=Names("ada"),
        limits=Limits(),
        grace=grace,
        probe_timeout=1.0,
        log_format="text",
        log_level="info",
        access_log="off",
        access_log_format="common",
        log_size=10**6,
        auth="auto",
        audit=audit,
        tls=tls,
    )
    router = Router(Workers(start, shares, module=module), port, shares)
    lane = Stub(router.routing())
    owner = Owner(
        registry=router.registry,
        keyring=router.entry.watch,
        occupancy=router.occupancy,
        strikes=router.entry.strikes,
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
