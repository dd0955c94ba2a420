"""Fakes that more than one test uses."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from opencoderouter.core.admission import Admission
from opencoderouter.core.grant import EVERYBODY
from opencoderouter.core.keyring import Keyring
from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Backend, Identity, Kind, Listener, Sessions, Status
from opencoderouter.watch import Watch

Reply = Callable[["Asked"], bytes | None]
LET_IN = Admission(EVERYBODY)  # where everybody may come in
OPEN = Keyring()
SECURE_AREA = 'Basic realm="Secure Area"'


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came: ``line`` is method and target, header names are in lower case."""

    line: str
    headers: Mapping[str, str]


def http(status: int, body: bytes | str, **headers: str) -> bytes:
    """Return a whole response; ``content_type`` and the like name its headers."""
    data = body.encode() if isinstance(body, str) else body
    fields = {"content_length": str(len(data)), **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([f"HTTP/1.1 {status} X", *lines, "", ""]).encode() + data


def as_json(value: object, status: int = 200) -> bytes:
    """Return a JSON response."""
    return http(status, json.dumps(value), content_type="application/json")


def opencode(directory: str, **other: bytes | None) -> Reply:
    """Answer as OpenCode does where the router asks.

    ``other`` is by the last word of the path: None never answers.
    """
    known: dict[str, bytes | None] = {
        "health": as_json({"healthy": True, "version": "1.18.33"}),
        "path": as_json({"directory": directory, "worktree": "/"}),
        "status": as_json({}),
        "session": as_json([]),
        "dispose": as_json(value=True),
        **other,
    }
    page = http(200, "<!doctype html>", content_type="text/html")
    return lambda asked: known.get(asked.line.partition("?")[0].rpartition("/")[2], page)


@dataclass
class Server:
    """A server that says whole responses, one on each connection, and takes notes.

    The first ``silent`` connections are never answered. ``reply`` may be changed at any time.
    """

    reply: Reply
    silent: int = 0
    port: int = 0
    connections: int = 0
    open: int = 0
    asked: list[Asked] = field(default_factory=list)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def was_asked(self, times: int) -> None:
        """Return when so many more requests have come."""
        times += len(self.asked)
        async with asyncio.timeout(20):
            while len(self.asked) < times:
                self.news.clear()
                await self.news.wait()

    @property
    def lines(self) -> list[str]:
        """Return the requests without their headers."""
        return [asked.line for asked in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        self.open += 1
        self.idle.clear()
        try:
            await self._answer(reader, writer, mute=self.connections <= self.silent)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away
        finally:
            writer.close()
            self.open -= 1
            if not self.open:
                self.idle.set()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, mute: bool
    ) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        fields = (line.partition(": ") for line in head[1:] if line)
        asked = Asked(head[0].removesuffix(" HTTP/1.1"), {k.lower(): v for k, _, v in fields})
        self.asked.append(asked)
        self.news.set()
        answer = None if mute else self.reply(asked)
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
            await writer.drain()


@asynccontextmanager
async def serving(
    reply: Reply, *, silent: int = 0, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Server]:
    """Serve until the block ends; then all connections are closed."""
    server = Server(reply, silent)
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await server.serve(reader, writer)

    listener = await asyncio.start_server(serve, host, port, family=socket.AF_UNSPEC)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for writer in writers:
            writer.transport.abort()
        await listener.wait_closed()


def backend(
    directory: str,
    port: int = 30000,
    status: Status = Status.READY,
    *,
    kind: Kind = Kind.SERVE,
    reason: str = "",
    sessions: Sessions | None = None,
) -> Backend:
    """Return a backend of this user; its socket's inode and its process have its port's number."""
    listener = Listener("127.0.0.1", port, uid=1000, inode=port, pid=port, kind=kind)
    return Backend(listener, Identity(directory, "1.18.33"), status, reason, sessions)


class FakeSupervisor:
    """A launcher whose servers start and stop at once.

    ``asked`` is what was asked of it; ``then`` is called after each.
    """

    def __init__(self, *managed: Managed) -> None:
        self._watch: Watch[Mapping[str, Managed]] = Watch({m.directory: m for m in managed})
        self.asked: list[tuple[str, str]] = []
        self.lines: tuple[str, ...] = ()
        self.then: Callable[[], object] = lambda: None

    @property
    def managed(self) -> Mapping[str, Managed]:
        """Return the managed projects by directory."""
        return self._watch.value

    def follow(self) -> AsyncIterator[Mapping[str, Managed]]:
        """Yield the managed projects whenever they change."""
        return self._watch.follow()

    def become(self, directory: str, status: Status, reason: str = "") -> None:
        """Let a project be in another state."""
        state = replace(self.managed[directory], status=status, reason=reason)
        self._watch.set({**self.managed, directory: state})

    async def start(self, directory: str) -> None:
        """Take note."""
        self._note("start", directory, Status.STARTING)

    async def stop(self, directory: str) -> None:
        """Take note."""
        self._note("stop", directory, Status.STOPPED)

    async def restart(self, directory: str) -> None:
        """Take note."""
        self._note("restart", directory, Status.STARTING)

    def _note(self, verb: str, directory: str, status: Status) -> None:
        self.asked.append((verb, directory))
        self.become(directory, status)
        self.then()

    def log(self, directory: str) -> tuple[str, ...]:
        """Return the same lines for every project that is managed."""
        return self.lines if directory in self.managed else ()
