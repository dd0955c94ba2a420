"""A lane that tells who serves: for tests of workers, not of what they serve."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

from opencoderouter.proxy.lane.routing import Routing
from opencoderouter.wiring import worker


class Stub:
    """Answers each line, a command, with a line of JSON, and counts."""

    def __init__(self, routing: Routing) -> None:
        self.routing = routing
        self.open: set[asyncio.Transport] = set()
        self.quiet = asyncio.Event()

    def protocol(self) -> asyncio.Protocol:
        """Return what serves one connection."""
        return _Talk(self)

    async def run(self) -> None:
        """Do nothing."""

    async def finish(self, grace: float) -> None:
        """Wait for all connections to end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while self.open:
                    self.quiet.clear()
                    await self.quiet.wait()

    def tell(self, command: str) -> object:
        """Return what is asked for."""
        answers: dict[str, Callable[[], object]] = {
            "pid": os.getpid,
            "fds": _descriptors,
            "slugs": lambda: list(self.routing.table().projects),
            "version": lambda: self.routing.table().version,
            "password": lambda: str(self.routing.keyring().password, "ascii"),
            "wait": lambda: self.routing.strikes.wait("192.0.2.1", 0.0),
            "fail": lambda: self.routing.strikes.failed("192.0.2.1", 0.0),
            "record": lambda: self.routing.record("tested", pid=os.getpid()),
            "who": lambda: _who(self.routing),
            "connections": lambda: self.routing.occupancy.connections,
            "local": self.local,
        }
        return answers[command]()

    def local(self) -> object:
        """Ask the application, which is as short of words."""
        with self.routing.dial() as end:
            end.setblocking(True)  # noqa: FBT003 - the standard library's
            end.sendall(b"?")
            return end.recv(100).decode()


class _Talk(asyncio.Protocol):
    def __init__(self, lane: Stub) -> None:
        self.lane = lane

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # of uvloop, maybe
        self.lane.open.add(self.transport)
        self.lane.routing.stats.accepted += 1
        self.lane.routing.stats.connections += 1
        self.lane.routing.occupancy.enter("127.0.0.1", self.lane.routing.limits)

    def connection_lost(self, _: Exception | None) -> None:
        self.lane.open.discard(self.transport)
        self.lane.routing.stats.connections -= 1
        self.lane.routing.occupancy.leave("127.0.0.1")
        self.lane.quiet.set()

    def data_received(self, data: bytes) -> None:
        for command in data.decode().split():
            self.transport.write(json.dumps(self.lane.tell(command)).encode() + b"\n")


def _who(routing: Routing) -> object:
    """Return whom the door takes a client for that is not of this machine."""
    return routing.door.look(("192.0.2.1", 1), ("192.0.2.2", 2), lambda _: None)


def _descriptors() -> list[str]:
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # that of the listing itself
            found.append(str(entry.readlink()))
    return found


def main() -> None:
    """Be a worker that has this lane."""
    worker.main(Stub)
