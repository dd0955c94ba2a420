"""The proxy in front of backends, and clients that send and get bytes."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web
from tests.fakes import FakeSupervisor, backend
from tests.rig import workers
from tests.rig.entry import Entry
from tests.wire.proxy.staff import Sessions, Staff
from tests.wire.proxy.upstream import Tally, requests

from opencoderouter.core.hosts import Names
from opencoderouter.core.model import Status
from opencoderouter.core.responses import SANDBOX
from opencoderouter.proxy.app import application
from opencoderouter.proxy.context import Context, Door
from opencoderouter.proxy.listening import bind
from opencoderouter.proxy.server import serve
from opencoderouter.registry import Registry

LONG = 20.0  # seconds that only a hang takes
MODES = ("host", "path")


@dataclass(frozen=True, slots=True)
class Client:
    """A connection that speaks bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send, and wait until more may be sent."""
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        """Return the next response head with its empty line."""
        async with asyncio.timeout(LONG):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def exactly(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        async with asyncio.timeout(LONG):
            return await self.reader.readexactly(count)

    def reset(self) -> None:
        """Be gone, so that it cannot be taken for a half-close."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def rest(self) -> bytes:
        """Return what comes until the connection ends well. Raises ConnectionError."""
        async with asyncio.timeout(LONG):
            return await self.reader.read()


@dataclass(frozen=True, slots=True)
class Proxy:
    """A router with one project, ``alpha`` of ``alice``, until ``stopping`` is set."""

    port: int
    registry: Registry
    context: Context
    app: web.Application
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def head(self, mode: str, target: str, *fields: str, method: str = "GET") -> bytes:
        """Return a request head for a target of the project, in host or in path mode."""
        host = f"alpha-alice.local:{self.port}" if mode == "host" else f"127.0.0.1:{self.port}"
        start = f"{method} {'/alpha' if mode == 'path' else ''}{target} HTTP/1.1"
        return "\r\n".join([start, f"Host: {host}", *fields, "", ""]).encode("latin-1")

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """Connect."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Client(reader, writer)
        finally:
            writer.transport.abort()

    async def ask(self, request: bytes) -> bytes:
        """Return all that comes back for a request that says it is the last."""
        async with self.client() as client:
            await client.send(request)
            return await client.rest()


def serving(*ports: int, status: Status, sessions: Sessions, entry: Entry | None = None) -> Context:
    """Return what a router knows whose project is served on ``ports``."""
    registry = Registry()
    for port in ports:
        registry.observe(backend("/home/alice/alpha", port, status))
    return Context(
        registry=registry,
        supervisor=FakeSupervisor(),
        client=sessions,
        names=Names("alice", frozenset({"box"})),
        username="alice",
        boot="b00t",
        last_seen=lambda _: datetime(2026, 1, 1, tzinfo=UTC),
        closing=asyncio.Event(),
        access=(entry or Entry()).access(),
    )


@asynccontextmanager
async def through(
    *ports: int,
    status: Status = Status.READY,
    grace: float = 5.0,
    busy: Mapping[int, frozenset[str] | None] | None = None,
    hangs: int | None = None,
    alone: bool = True,
    entry: Entry | None = None,
    door: Door | None = None,
) -> AsyncIterator[Proxy]:
    """Run a router whose project is served on ``ports``, at the latest until the block ends.

    Everybody may come in, unless ``entry`` says otherwise; ``door`` is that of this process.

    Fails when backends met more connections or requests than its lane has counted, unless it is
    not ``alone`` in asking them.
    """
    sessions = Sessions(busy or {}, hangs)
    context = serving(*ports, status=status, sessions=sessions, entry=entry)
    sockets, *shares = bind("127.0.0.1", 0, workers.count)
    staff = Staff(shares, context, grace=grace, sessions=sessions, entry=entry, door=door)
    app = application(context)
    proxy = Proxy(sockets[0].getsockname()[1], context.registry, context, app)
    tally = Tally()
    async with asyncio.TaskGroup() as group:

        async def run(started: asyncio.Event) -> None:
            async with serve(
                app,
                sockets,
                grace=grace,
                context=context,
                resources=staff.resources,
                beside=staff.work,
            ):
                await staff.ready.wait()
                started.set()
                await proxy.stopping.wait()
            proxy.stopped.set()
            if alone:
                met = tally.met(_ports(context.registry).union(ports))
                counted = staff.figures()
                assert len(met) <= counted.upstream_connects, "not by the lane"
                assert sum(map(requests, met)) <= counted.forwards, "not by the lane"

        started = asyncio.Event()
        group.create_task(run(started), name="router")
        await started.wait()
        try:
            yield proxy
        finally:
            proxy.stopping.set()


def _ports(registry: Registry) -> set[int]:
    projects = registry.table.projects.values()
    return {one.listener.port for project in projects for one in project.backends}


def boxed(mode: str) -> list[bytes]:
    """Return the fields that the lane adds to every final answer of a backend."""
    return [f"{key}: {value}".encode() for key, value in SANDBOX] if mode == "path" else []


def passed(mode: str, reply: bytes) -> bytes:
    """Return a backend's final answer as the client gets it, but for what frames it."""
    head, mark, body = reply.partition(b"\r\n\r\n")
    return b"\r\n".join([head, *boxed(mode)]) + mark + body


def split(answer: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Return status line, fields and body of a response."""
    head, _, body = answer.partition(b"\r\n\r\n")
    start, *fields = head.split(b"\r\n")
    return start, fields, body


def value(fields: list[bytes], name: bytes) -> list[bytes]:
    """Return the values of all fields of a name."""
    pairs = (field.partition(b": ") for field in fields)
    return [value for key, _, value in pairs if key.lower() == name.lower()]
