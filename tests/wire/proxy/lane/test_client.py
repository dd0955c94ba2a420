"""A client's socket, without what is said on it."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.wire.proxy.through import LONG

from opencoderouter.core.grant import Caller
from opencoderouter.proxy.lane.client import Client
from opencoderouter.proxy.lane.waiting import Waiting

SMALL = 10  # octets that nobody has taken
STATE = (socket.IPPROTO_TCP, socket.TCP_INFO, 1)
CLOSE_WAIT = b"\x08"


class Heard(Client):
    """Keeps what comes; ``take`` takes it."""

    def __init__(self) -> None:
        super().__init__(SMALL, Waiting(LONG, Client.leave, time.monotonic))
        self.met, self.came = asyncio.Event(), asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self.met.set()

    def data_received(self, data: bytes) -> None:
        """Keep bytes, as long as there are not too many."""
        self._buffer += data
        self.came.set()
        self._pace()

    def take(self) -> bytes:
        """Take what has come, and go on."""
        data, self._buffer = self._buffer, b""
        self._blocked = False
        self._pace()
        return data


@asynccontextmanager
async def met() -> AsyncIterator[tuple[Heard, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Return a client's socket, and its other end."""
    loop = asyncio.get_running_loop()
    heard = Heard()
    server = await loop.create_server(lambda: heard, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    async with asyncio.timeout(LONG):
        await heard.met.wait()
    try:
        yield heard, reader, writer
    finally:
        heard.transport.abort()
        writer.transport.abort()
        server.close()


async def test_who_it_is() -> None:
    """The address is known, and what is written arrives."""
    async with met() as (heard, reader, writer):
        assert heard.address == writer.get_extra_info("sockname")
        assert heard.server == writer.get_extra_info("peername")
        assert heard.peer == "127.0.0.1"
        heard.write(b"hello")
        assert await reader.readexactly(5) == b"hello"


async def test_a_client_without_an_address() -> None:
    """A socket that has none is nobody's."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with theirs:
        transport, heard = await loop.connect_accepted_socket(Heard, ours)
        assert heard.address == heard.server == ("", 0)
        assert heard.peer == ""
        transport.abort()


async def test_what_nobody_takes_is_bounded() -> None:
    """Above a limit no more is read, until somebody takes what there is."""
    async with met() as (heard, _, _):
        read: list[bool] = []
        for data in (b"x" * SMALL, b"x"):
            heard.data_received(data)
            read.append(heard.transport.is_reading())
        assert read == [True, False]
        assert heard.take() == b"x" * (SMALL + 1)
        assert heard.transport.is_reading()


async def test_held() -> None:
    """Who is held back is not read from, once and for all, until it may go on."""
    async with met() as (heard, _, _):
        for _ in range(2):
            heard.hold()
            assert not heard.transport.is_reading()
        heard.take()
        assert heard.transport.is_reading()


async def test_finished() -> None:
    """Who says no more still listens; twice, or when it has gone, is no failure."""
    async with met() as (heard, reader, writer):
        heard.write(b"bye")
        heard.finish()
        heard.finish()
        assert await reader.read() == b"bye"
        writer.write(b"answer")
        async with asyncio.timeout(LONG):
            await heard.came.wait()
        assert heard.take() == b"answer"
        heard.transport.abort()
        heard.finish()


async def test_reset() -> None:
    """A reset is not taken for a good end."""
    async with met() as (heard, reader, _):
        heard.write(b"half")
        assert await reader.readexactly(4) == b"half"
        heard.reset()
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_whose_end_it_was() -> None:
    """Who has reset the connection may have made room for somebody else; half-closed it is there.

    What it sent can still be read, so that only our own end tells.
    """
    ours, somebody = Caller("127.0.0.1", 1000, free=True), Caller("127.0.0.1")
    async with met() as (heard, _, writer):
        assert heard.believed(ours) == ours
        writer.write_eof()
        async with asyncio.timeout(LONG):
            sock = heard.transport.get_extra_info("socket")
            while sock.getsockopt(*STATE) != CLOSE_WAIT:  # noqa: ASYNC110 - the kernel tells nobody
                await asyncio.sleep(0)
        assert heard.believed(ours) == ours
    async with met() as (heard, _, writer):
        heard.hold()  # so that the end is not heard of
        writer.write(b"POST / HTTP/1.1\r\n\r\n")
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        async with asyncio.timeout(LONG):
            while heard.believed(ours) == ours:  # noqa: ASYNC110 - the kernel tells nobody
                await asyncio.sleep(0)
        assert heard.believed(ours) == somebody
