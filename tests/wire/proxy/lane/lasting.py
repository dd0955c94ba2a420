"""What stays open for long: streams, tunnels, slow requests."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

import pytest
from tests.fakes import backend as make
from tests.wire.proxy.lane.callers import (
    OTHER,
    shown,
)
from tests.wire.proxy.through import LONG, Client, Proxy
from tests.wire.proxy.upstream import Conversation, Script

UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
SIZE = 4


class Open(ABC):
    """Something that stays open, over a connection of its own."""

    def __init__(self, proxy: Proxy, client: Client) -> None:
        self.proxy, self.client = proxy, client

    @abstractmethod
    async def begin(self, field: str) -> None:
        """Begin, as who shows this field."""

    @abstractmethod
    async def use(self) -> None:
        """Show that it works both ways, as far as it has two."""

    async def cut_off(self) -> None:
        """Return when it has ended, and not as if it were whole."""
        with pytest.raises(ConnectionError):
            await self.client.rest()


class Events(Open):
    """A backend's event stream. The backend says something when it is told to."""

    async def begin(self, field: str) -> None:
        """Ask for it."""
        await self.client.send(self.proxy.head("host", "/event", field))
        assert (await self.client.head()).startswith(b"HTTP/1.1 200 ")
        await self.client.reader.readuntil(b"data: 0\n\n")

    async def use(self) -> None:
        """Let everybody be told something."""
        async with self.proxy.client() as other:
            await other.send(self.proxy.head("host", "/tell", shown(OTHER)))
            assert (await other.head()).startswith(b"HTTP/1.1 200 ")
        async with asyncio.timeout(LONG):
            await self.client.reader.readuntil(b"data: 1\n\n")


class Tunnel(Open):
    """A WebSocket, of which the other end says everything again."""

    async def begin(self, field: str) -> None:
        """Open it."""
        await self.client.send(self.proxy.head("host", "/pty", field, *UPGRADE))
        assert (await self.client.head()).startswith(b"HTTP/1.1 101 ")
        await self.use()

    async def use(self) -> None:
        """Say something."""
        await self.client.send(b"hello")
        assert await self.client.exactly(5) == b"hello"


class Upload(Open):
    """A request whose body takes its time."""

    async def begin(self, field: str) -> None:
        """Send the head and half of the body, which has arrived when this returns."""
        fields = (field, f"Content-Length: {SIZE}", "Expect: 100-continue")
        await self.client.send(self.proxy.head("host", "/upload", *fields, method="POST"))
        assert (await self.client.head()).startswith(b"HTTP/1.1 100 ")
        await self.client.send(b"ab")

    async def use(self) -> None:
        """Send the rest."""
        await self.client.send(b"cd")
        assert (await self.client.head()).startswith(b"HTTP/1.1 200 ")


class Dashboard(Open):
    """The router's own event stream."""

    async def begin(self, field: str) -> None:
        """Ask for it."""
        host = f"Host: localhost:{self.proxy.port}"
        await self.client.send(f"GET /api/events HTTP/1.1\r\n{host}\r\n{field}\r\n\r\n".encode())
        assert (await self.client.head()).startswith(b"HTTP/1.1 200 ")
        await self.client.reader.readuntil(b"event: snapshot")

    async def use(self) -> None:
        """Let there be something new."""
        self.proxy.registry.observe(make("/home/alice/beta", 1))
        async with asyncio.timeout(LONG):
            await self.client.reader.readuntil(b'"beta"')


def acting() -> Script:
    """Return a backend that does all of it."""
    told = asyncio.Event()

    async def tell(talk: Conversation) -> None:
        await told.wait()
        await talk.say(b"data: 1\n\n")

    async def act(talk: Conversation) -> None:
        head = await talk.head()
        if b" /pty" in head:
            await echo(talk)
        elif b" /event" in head:
            await talk.say(STREAM + b"data: 0\n\n")
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(tell(talk))
                await talk.to_end()
                telling.cancel()
        elif b" /upload" in head:
            await talk.say(b"HTTP/1.1 100 Continue\r\n\r\n")
            await talk.exactly(SIZE)
            await talk.say(DONE)
        else:
            told.set()
            await talk.say(DONE)

    return act


async def echo(talk: Conversation) -> None:
    """Switch, and say everything again."""
    await talk.say(SWITCH)
    while data := await talk.some():
        await talk.say(data)
