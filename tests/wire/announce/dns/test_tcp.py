"""TCP: connections, their limits and their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from tests.rig.nameserver import PATIENCE, SETTINGS, framed, serving, told, unframed
from tests.rig.questions import ZONE, ask, read

from opencoderouter.announce.dns.desk import Desk
from opencoderouter.announce.dns.limits import Guests
from opencoderouter.announce.dns.records import Heard, Silence
from opencoderouter.announce.dns.tcp import Crowd, Tcp

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
APP = ask("app-alice.local")


@dataclass
class Network:
    """What plays the network: answers when it is let to."""

    free: asyncio.Event
    asked: int = 0

    async def ask(self, _name: str, _kind: int, _client: str) -> Heard:
        """Answer when the event is set."""
        self.asked += 1
        await self.free.wait()
        return Silence.NOBODY


@asynccontextmanager
async def accepting(crowd: Crowd, network: Network | None = None) -> AsyncIterator[int]:
    """Accept connections on loopback while the block runs; yields the port."""
    desk = Desk(ZONE, network.ask if network else None, lambda _: True, None)
    async with asyncio.TaskGroup() as group:

        def connection() -> Tcp:
            return Tcp(desk, Guests(), crowd, group.create_task)

        server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        server.close()
        crowd.close()


@asynccontextmanager
async def connected(port: int, source: str = "127.0.0.1") -> AsyncIterator[Streams]:
    """Connect to a port, from an address of this machine."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def ended(reader: asyncio.StreamReader) -> bool:
    """Wait until the other end has closed; tell whether it said nothing more."""
    async with asyncio.timeout(PATIENCE):
        try:
            return await reader.read() == b""
        except ConnectionError:
            return True


async def test_several() -> None:
    """Questions that come in one go, or octet by octet, are all answered on one connection."""
    async with serving() as running, connected(running.port) as (reader, writer):
        stream = framed(APP, ask("web-alice.local"), ask("nobody.local"))
        writer.write(stream)
        codes = [(await told(reader)).header.rcode for _ in range(3)]
        assert codes == [0, 0, 3]
        for at in range(len(stream)):
            writer.write(stream[at : at + 1])
            await writer.drain()
        assert [(await told(reader)).header.rcode for _ in range(3)] == codes


async def test_turns() -> None:
    """Thousands of questions in one go do not hold up everybody else."""
    async with serving() as running, connected(running.port) as (reader, writer):
        stream, counts = framed(*[APP] * 3000), [0]
        writer.write(stream)
        while counts[-1] < 3000:
            await asyncio.sleep(0)
            counts.append(running.dns.counts["asked"])
        assert max(after - before for before, after in pairwise(counts)) <= 64
        for _ in range(3000):
            await unframed(reader)


async def test_out_of_order() -> None:
    """A question that takes time does not hold up the next one (RFC 7766 section 6.2.1.1)."""
    network = Network(asyncio.Event())
    async with accepting(Crowd(), network) as port, connected(port) as (reader, writer):
        writer.write(framed(b"\0\1" + ask("host.local")[2:], b"\0\2" + APP[2:]))
        assert (await unframed(reader))[:2] == b"\0\2"
        network.free.set()
        assert (await unframed(reader))[:2] == b"\0\1"


async def test_half_closed() -> None:
    """Who has ended its half gets what is still to come, and then the end."""
    network = Network(asyncio.Event())
    async with accepting(Crowd(), network) as port, connected(port) as (reader, writer):
        writer.write(framed(ask("host.local")))
        writer.write_eof()
        while not network.asked:  # noqa: ASYNC110 - counts tell nobody
            await asyncio.sleep(0)
        network.free.set()
        assert (await told(reader)).header.rcode == 3
        assert await ended(reader)


async def test_bounded_questions() -> None:
    """No more than 32 slow questions of a connection are asked at once; the others wait."""
    network = Network(asyncio.Event())
    async with accepting(Crowd(), network) as port, connected(port) as (reader, writer):
        slow = [number.to_bytes(2, "big") + ask("host.local")[2:] for number in range(100)]
        writer.write(framed(*slow))
        while network.asked < 32:  # noqa: ASYNC110 - counts tell nobody
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert network.asked == 32
        network.free.set()
        ids = {(await unframed(reader))[:2] for _ in slow}
        assert ids == {packet[:2] for packet in slow}


async def test_silence_is_not_an_answer() -> None:
    """What is no question is passed over; the connection stays."""
    async with serving() as running, connected(running.port) as (reader, writer):
        writer.write(framed(b"", b"abc", ask("a", flags=0x8000), APP))
        assert (await told(reader)).header.rcode == 0


async def test_idle() -> None:
    """A connection without a whole question is ended, also when octets drip."""
    async with accepting(Crowd(idle=0.2)) as port, connected(port) as (reader, writer):
        writer.write(framed(APP)[:-1])
        assert await ended(reader)


async def test_not_idle() -> None:
    """A connection on which something is being asked is not idle."""
    network = Network(asyncio.Event())
    async with accepting(Crowd(idle=0.05), network) as port, connected(port) as (reader, writer):
        writer.write(framed(ask("host.local")))
        asyncio.get_running_loop().call_later(0.5, network.free.set)
        assert (await told(reader)).header.rcode == 3


async def test_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question starts the time anew."""
    loop, ahead = asyncio.get_running_loop(), [0.0]
    real = loop.time
    monkeypatch.setattr(loop, "time", lambda: real() + ahead[0])
    async with accepting(Crowd(idle=600)) as port, connected(port) as (reader, writer):
        for _ in range(6):
            writer.write(framed(APP))
            assert (await told(reader)).header.rcode == 0
            ahead[0] += 400
            await asyncio.sleep(0)  # timers that are due
        ahead[0] += 400
        assert await ended(reader)


async def test_most_of_one() -> None:
    """A client has a limited number of connections; who leaves makes room."""
    crowd = Crowd(idle=600, most_of_one=2)
    async with accepting(crowd) as port, connected(port) as first:
        async with connected(port) as second, connected(port) as third:
            assert await ended(third[0])
            for reader, writer in (first, second):
                writer.write(framed(APP))
                assert (await told(reader)).header.rcode == 0
        while len(crowd.members) > 1:  # noqa: ASYNC110 - counts tell nobody
            await asyncio.sleep(0)
        async with connected(port) as (reader, writer):
            writer.write(framed(APP))
            assert (await told(reader)).header.rcode == 0


async def test_most_of_a_network() -> None:
    """Clients of one network share a number, however many addresses they have."""
    crowd = Crowd(idle=600, most_of_network=2)
    async with (
        accepting(crowd) as port,
        connected(port),
        connected(port, "127.0.0.9"),
        connected(port, "127.0.0.10") as (third, _),
    ):
        assert await ended(third)
        async with connected(port, "127.0.1.1") as (reader, writer):
            writer.write(framed(APP))
            assert (await told(reader)).header.rcode == 0


async def test_most() -> None:
    """All together have a limited number."""
    async with (
        accepting(Crowd(idle=600, most=1)) as port,
        connected(port),
        connected(port) as (reader, _),
    ):
        assert await ended(reader)


async def test_client_that_does_not_read() -> None:
    """Answers that nobody takes do not pile up: no more is read, then the connection is ended."""
    crowd = Crowd(idle=1.0)
    async with accepting(crowd) as port, connected(port) as (reader, writer):
        reader._transport.pause_reading()  # type: ignore[attr-defined] # noqa: SLF001 - as a client that sleeps
        many = framed(*[ask("_opencode._tcp.local", "PTR")] * 1000)
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                for _ in range(2000):
                    writer.write(many)
                    await writer.drain()
                pytest.fail("80 MB of questions were taken")
        assert not crowd.members


async def test_counts() -> None:
    """Questions over TCP are counted, and the second one is not made anew."""
    async with serving(replace(SETTINGS)) as running, connected(running.port) as (reader, writer):
        writer.write(framed(APP, APP))
        first, second = await unframed(reader), await unframed(reader)
        assert first == second
        assert read(first).header.aa
        counts = running.dns.counts
    assert (counts["asked"], counts["answered"], counts["cached"]) == (2, 1, 1)
