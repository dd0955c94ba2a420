"""Hears and speaks mDNS on one interface, packet by packet, beside whatever else does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress

from zeroconf._dns import DNSQuestion, DNSRecord
from zeroconf._protocol.incoming import DNSIncoming
from zeroconf._protocol.outgoing import DNSOutgoing

_GROUP = ("224.0.0.251", 5353)
_RESPONSE, _IN, _ANY = 0x8400, 1, 255
_PATIENCE = 40  # seconds


class Ear(asyncio.DatagramProtocol):
    """``packets`` are those heard so far, in order: those of the hearer, too."""

    def __init__(self, address: str) -> None:
        self.packets: list[DNSIncoming] = []
        self._address = address
        self._heard = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Keep a packet."""
        self.packets.append(DNSIncoming(data, addr[:2]))
        self._heard.set()

    async def hears(self, what: Callable[[DNSIncoming], bool], *, after: int = 0) -> int:
        """Return the number of packets up to the first such one behind the first ``after``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while True:
                    for number in range(after, len(self.packets)):
                        if what(self.packets[number]):
                            return number + 1
                    self._heard.clear()
                    await self._heard.wait()
        raise AssertionError([(one.questions, one.answers()) for one in self.packets[after:]])

    def say(self, *records: DNSRecord) -> None:
        """Tell records, as an answer to nobody."""
        out = DNSOutgoing(_RESPONSE)
        for record in records:
            out.add_answer_at_time(record, 0)
        self.send(out)

    def ask(self, name: str) -> None:
        """Ask for all records of a name."""
        out = DNSOutgoing(0)
        out.add_question(DNSQuestion(name, _ANY, _IN))
        self.send(out)

    def send(self, out: DNSOutgoing) -> None:
        """Send a packet to everybody."""
        with _opened((self._address, _GROUP[1])) as sender:
            sender.setsockopt(
                socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(self._address)
            )
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
            for octets in out.packets():
                sender.sendto(octets, _GROUP)


@asynccontextmanager
async def ear(address: str) -> AsyncIterator[Ear]:
    """Hear what is said on the interface with this address, while the block lasts."""
    made = _opened(("", _GROUP[1]))
    membership = socket.inet_aton(_GROUP[0]) + socket.inet_aton(address)
    made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    made.setsockopt(socket.IPPROTO_IP, _MULTICAST_ALL, 0)
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: Ear(address), sock=made)
    try:
        yield protocol
    finally:
        transport.close()


_MULTICAST_ALL = 49  # IP_MULTICAST_ALL of linux/in.h: 0 is only what this socket asked for


def told(name: str, kind: int, *, ttl: bool = True) -> Callable[[DNSIncoming], bool]:
    """Return whether a packet answers with such a record, or says goodbye to it."""

    def check(packet: DNSIncoming) -> bool:
        return any((one.type, bool(one.ttl)) == (kind, ttl) for one in answers(packet, name))

    return check


def answers(packet: DNSIncoming, name: str) -> Iterator[DNSRecord]:
    """Yield the records that a packet answers for a name."""
    if packet.is_response():
        yield from (one for one in packet.answers() if one.key == name.lower())


def probes(name: str) -> Callable[[DNSIncoming], bool]:
    """Return whether a packet asks who has the name."""

    def check(packet: DNSIncoming) -> bool:
        asked = {one.key for one in packet.questions if one.type == _ANY}
        return packet.is_query() and packet.is_probe() and name.lower() in asked

    return check


def _opened(address: tuple[str, int]) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.settimeout(0)
    made.bind(address)
    return made
