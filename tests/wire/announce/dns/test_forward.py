"""Other DNS servers: honest ones, slow ones, and those that guess."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from struct import pack

import pytest
from tests.rig.nameserver import SETTINGS, framed, serving, unframed
from tests.rig.questions import ask, opt, read, shown

from opencoderouter.announce.dns.forward import Forwarder
from opencoderouter.announce.dns.query import Query, parse

Says = Callable[[bytes], list[bytes]]  # what is said to a question, packet by packet
RECORD = b"\xc0\x0c" + pack("!HHIH", 1, 1, 60, 4) + bytes([203, 0, 113, 9])


def answer(packet: bytes, records: int = 1, *, flags: int = 0x8180) -> bytes:
    """Return an answer with so many addresses."""
    return packet[:2] + pack("!HHHHH", flags, 1, records, 0, 0) + packet[12:] + RECORD * records


def honest(packet: bytes) -> list[bytes]:
    """Answer."""
    return [answer(packet)]


def silent(_packet: bytes) -> list[bytes]:
    """Say nothing."""
    return []


def guessing(packet: bytes) -> list[bytes]:
    """Say what somebody would who has not seen the question, then what is right."""
    other_id = bytes([packet[0] ^ 1, packet[1]])
    wrong = [other_id + answer(packet, 2)[2:], answer(ask("other.test"), 2), packet, b""]
    return [*wrong, answer(packet)]


def cutting(packet: bytes) -> list[bytes]:
    """Say that it is too much for UDP."""
    return [answer(packet, 0, flags=0x8380)]


def plenty(packet: bytes) -> list[bytes]:
    """Answer with much."""
    return [answer(packet, 200)]


@dataclass
class Other(asyncio.DatagramProtocol):
    """Another server; over TCP it may say something else."""

    udp: Says
    tcp: Says
    asked: list[bytes] = field(default_factory=list)
    ports: set[int] = field(default_factory=set)
    transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Keep it."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer over UDP."""
        self.asked.append(data)
        self.ports.add(addr[1])
        for packet in self.udp(data):
            assert self.transport is not None
            self.transport.sendto(packet, addr)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer over TCP."""
        asked = await unframed(reader)
        self.asked.append(asked)
        writer.write(framed(*self.tcp(asked)))
        writer.close()


@asynccontextmanager
async def other(udp: Says, tcp: Says = honest) -> AsyncIterator[tuple[Other, tuple[str, int]]]:
    """Run another server; yields it and where it is."""
    loop = asyncio.get_running_loop()
    made = Other(udp, tcp)
    server = await asyncio.start_server(made.connected, "127.0.0.1", 0)
    place = server.sockets[0].getsockname()[:2]
    transport, _ = await loop.create_datagram_endpoint(lambda: made, local_addr=place)
    try:
        yield made, place
    finally:
        transport.close()
        server.close()


def query(*, edns: bytes = b"") -> Query:
    """Return a question."""
    parsed = parse(ask("Www.Example.com", edns=edns))
    assert isinstance(parsed, Query)
    return parsed


@pytest.mark.parametrize("says", [honest, guessing])
async def test_answer(says: Says) -> None:
    """The answer comes with the id and the case of the client; guesses are passed over."""
    async with other(says) as (made, place):
        found = await Forwarder((place,)).ask(query())
    assert found == answer(ask("Www.Example.com"))
    assert len(made.asked) == 1


async def test_hard_to_guess() -> None:
    """Each question has an id and a port of its own (RFC 5452)."""
    async with other(honest) as (made, place):
        forwarder = Forwarder((place,))
        for _ in range(20):
            await forwarder.ask(query(edns=opt()))
    assert len({packet[:2] for packet in made.asked}) > 15
    assert len(made.ports) > 10


async def test_over_tcp() -> None:
    """What is cut over UDP is asked for again over TCP."""
    async with other(cutting, plenty) as (made, place):
        found = await Forwarder((place,)).ask(query())
    assert found == answer(ask("Www.Example.com"), 200)
    assert len(made.asked) == 2


@pytest.mark.parametrize("says", [silent, lambda packet: [b"\0\0" + answer(packet)[2:]]])
async def test_over_tcp_in_vain(says: Says) -> None:
    """What is wrong over TCP is no answer."""
    async with other(cutting, says) as (_, place):
        assert await Forwarder((place,), patience=5.0).ask(query()) is None


async def test_silent() -> None:
    """Without an answer in time there is none."""
    async with other(silent) as (_, place):
        assert await Forwarder((place,), patience=0.1).ask(query()) is None


async def test_next() -> None:
    """After one that is silent, or not there, the next one is asked."""
    async with other(silent) as (_, first), other(honest) as (_, last):
        async with other(honest) as (_, gone):
            pass
        found = await Forwarder((first, gone, last), patience=3.0).ask(query())
    assert found == answer(ask("Www.Example.com"))


async def test_whole_way() -> None:
    """A client gets names outside our zones from the other server, ours from us."""
    async with (
        other(honest) as (made, place),
        serving(replace(SETTINGS, forward=(place,))) as running,
    ):
        found = read(await running.ask(ask("www.example.com")))
        assert shown(found.rr) == ["www.example.com. 1 203.0.113.9"]
        assert (found.header.ra, found.header.aa) == (1, 0)
        own = read(await running.ask(ask("app-alice.local")))
        assert (own.header.ra, own.header.aa) == (1, 1)
        assert read(await running.ask(ask("nobody.local"))).header.rcode == 3
        assert read(await running.ask(ask("www.example.com", flags=0))).header.rcode == 5
    assert len(made.asked) == 1


async def test_too_much() -> None:
    """What the client does not take over UDP it gets over TCP."""
    async with (
        other(cutting, plenty) as (_, place),
        serving(replace(SETTINGS, forward=(place,))) as running,
    ):
        cut = read(await running.ask(ask("www.example.com")))
        assert (cut.header.tc, len(cut.rr)) == (1, 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(framed(ask("www.example.com")))
        assert len(read(await unframed(reader)).rr) == 200
        writer.close()
        await writer.wait_closed()


async def test_failure() -> None:
    """When the other server is not there the client is told so."""
    async with other(honest) as (_, place):
        pass
    async with serving(replace(SETTINGS, forward=(place,))) as running:
        assert read(await running.ask(ask("www.example.com"))).header.rcode == 2


async def test_servers_that_ask_each_other() -> None:
    """Two that pass questions on to each other ask once each, and say that there is no answer."""
    async with other(silent) as (made, place):
        forwarders = [Forwarder((place,), patience=0.5) for _ in range(2)]

        def passed_on(packet: bytes) -> list[bytes]:
            parsed = parse(packet)
            assert isinstance(parsed, Query)
            assert len(made.asked) < 20
            group.create_task(forwarders[len(made.asked) % 2].ask(parsed), name="passed on")
            return []

        made.udp = passed_on
        async with asyncio.TaskGroup() as group:
            found = await forwarders[0].ask(query())
    assert found is None
    assert len(made.asked) == 2


async def test_asked_at_once() -> None:
    """Who asks what is being asked waits for that answer, and gets it in its own spelling."""
    async with other(honest) as (made, place):
        forwarder, packet = Forwarder((place,)), b"\xab\xcd" + ask("wWW.example.com")[2:]
        parsed = parse(packet)
        assert isinstance(parsed, Query)
        first, second = await asyncio.gather(forwarder.ask(query()), forwarder.ask(parsed))
        assert (first, second) == (answer(ask("Www.Example.com")), answer(packet))
        assert len(made.asked) == 1
        await asyncio.gather(forwarder.ask(query()), forwarder.ask(query(edns=opt())))
        assert len(made.asked) == 3


async def test_the_first_gives_up() -> None:
    """When who asked first is cancelled, who waits is told that there is no answer, and no more."""
    async with other(silent) as (made, place):
        forwarder = Forwarder((place,))
        async with asyncio.TaskGroup() as group:
            first = group.create_task(forwarder.ask(query()), name="first")
            second = group.create_task(forwarder.ask(query()), name="second")
            while not made.asked:  # noqa: ASYNC110 - what is asked tells nobody
                await asyncio.sleep(0)
            first.cancel()
        assert second.result() is None
        made.udp = honest
        assert await forwarder.ask(query()) is not None
