"""Who a connection to a backend works for in tests, and a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakes import backend as make
from tests.wire.proxy.through import LONG

from opencoderouter.core.model import Listener
from opencoderouter.proxy.lane.pool import Pool
from opencoderouter.proxy.lane.upstream import Upstream


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass
class Holder:
    """Takes notes of what it hears; ``listens`` on when the backend has finished."""

    listens: bool = False
    said: bytes = b""
    heard: list[str] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def from_upstream(self, data: bytes) -> None:
        """Take in what the backend says."""
        self.said += data
        self._changed.set()

    def upstream_finished(self) -> bool:
        """Hear that the backend says no more."""
        self._note("finished")
        return self.listens

    def upstream_ended(self, *, reset: bool) -> None:
        """Hear that the backend has ended."""
        self._note("reset" if reset else "ended")

    def upstream_full(self) -> None:
        """Hear that the backend does not keep up."""
        self._note("full")

    def upstream_free(self) -> None:
        """Hear that it takes more again."""
        self._note("free")

    def _note(self, what: str) -> None:
        self.heard.append(what)
        self._changed.set()

    async def hears(self, what: str) -> None:
        """Wait for news."""
        await self._until(lambda: what in self.heard)

    async def is_told(self, ending: bytes) -> None:
        """Wait until what the backend says ends like this."""
        await self._until(lambda: self.said.endswith(ending))

    async def _until(self, probe: Callable[[], bool]) -> None:
        async with asyncio.timeout(LONG):
            while not probe():
                self._changed.clear()
                await self._changed.wait()


def nobody() -> socket.socket:
    """Be the way to an application that is not there."""
    raise AssertionError("not asked for")


def new_pool(clock: Clock | None = None) -> Pool:
    """Return a pool of connections to backends."""
    return Pool(nobody, clock or Clock(), idle=10)


def listener(port: int) -> Listener:
    """Return the listener of a backend."""
    return make("/x", port).listener


async def ask(connection: Upstream) -> None:
    """Ask for something and read the answer to its end."""
    holder = connection.holder = Holder()
    connection.transport.write(b"GET / HTTP/1.1\r\n\r\n")
    await holder.is_told(b"ok")
