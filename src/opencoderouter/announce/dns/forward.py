"""Questions for other DNS servers, as a client that is hard to lie to (RFC 5452)."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import closing, suppress
from struct import pack

from opencoderouter.announce.dns.query import (
    AD,
    CD,
    DO,
    HEADER,
    MOST,
    OPCODE,
    QR,
    RD,
    TC,
    Query,
)
from opencoderouter.announce.dns.records import OPT, Name, folded

PATIENCE = 2.0  # seconds, for all servers together
_ID = 2  # octets

Server = tuple[str, int]
_Topic = tuple[Name, int, int, int | None]


class Forwarder:
    """Asks ``servers`` (numeric addresses, ports), one after the other.

    Who asks what is being asked waits for the same answer: servers that pass questions on to each
    other end so, each with one.
    """

    def __init__(self, servers: tuple[Server, ...], *, patience: float = PATIENCE) -> None:
        self._servers = servers
        self._each = patience / max(1, len(servers))
        self._open: dict[_Topic, asyncio.Future[bytes | None]] = {}

    async def ask(self, query: Query) -> bytes | None:
        """Return the answer of the first server that has one, with the question's id.

        None when none answers in time. It may be longer than what the client takes.
        """
        topic = _topic(query)
        if (asked := self._open.get(topic)) is not None:
            answer = await asyncio.shield(asked)
        else:
            answer = await self._first(topic, query)
        if answer is None:
            return None
        start = HEADER.size
        rest = answer[start + len(query.question) :]
        return pack("!H", query.id) + answer[_ID:start] + query.question + rest

    async def _first(self, topic: _Topic, query: Query) -> bytes | None:
        """Ask, and tell all who wait for it; None, too, for those who outlive who has asked."""
        asked = self._open[topic] = asyncio.get_running_loop().create_future()
        answer = None
        try:
            answer = await self._any(query)
        finally:
            del self._open[topic]
            asked.set_result(answer)
        return answer

    async def _any(self, query: Query) -> bytes | None:
        for server in self._servers:
            with suppress(OSError, TimeoutError, EOFError):
                async with asyncio.timeout(self._each):
                    return await _ask(query, server)
        return None


def _topic(query: Query) -> _Topic:
    """Return what makes the answer: all that is passed on, but for the case of the name."""
    dnssec = query.edns.flags & DO if query.edns else None
    return folded(query.name), query.type, query.flags & (AD | CD), dnssec


async def _ask(query: Query, server: Server) -> bytes:
    answer = await _over_udp(query, server)
    flags = HEADER.unpack_from(answer)[1]
    return await _over_tcp(query, server) if flags & TC else answer


def message(query: Query, id_: int) -> bytes:
    """Return the question as it is sent: nothing of the client but what it wants to know."""
    flags = RD | query.flags & (AD | CD)
    header = HEADER.pack(id_, flags, 1, 0, 0, 1 if query.edns else 0)
    opt = pack("!BHHIH", 0, OPT, MOST, query.edns.flags & DO, 0) if query.edns else b""
    return header + query.question + opt


def is_answer(packet: bytes, query: Query, id_: int) -> bool:
    """Tell whether a packet answers this question: id, kind and question are the same."""
    start = HEADER.size
    if len(packet) < start + len(query.question):
        return False
    found, flags, questions, *_ = HEADER.unpack_from(packet)
    same = packet[start : start + len(query.question)].lower() == query.question.lower()
    return found == id_ and flags & (QR | OPCODE) == QR and questions == 1 and same


class _Waiting(asyncio.DatagramProtocol):
    def __init__(self, query: Query, id_: int) -> None:
        self._query, self._id = query, id_
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _addr: object) -> None:
        # What is no answer is somebody's guess: the real one may still come.
        if is_answer(data, self._query, self._id) and not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _over_udp(query: Query, server: Server) -> bytes:
    """Ask from a socket of its own: the kernel draws its port, and drops what others send."""
    loop, id_ = asyncio.get_running_loop(), secrets.randbelow(1 << 16)
    endpoint = loop.create_datagram_endpoint(lambda: _Waiting(query, id_), remote_addr=server)
    transport, waiting = await endpoint
    with closing(transport):
        transport.sendto(message(query, id_))
        return await waiting.answer


async def _over_tcp(query: Query, server: Server) -> bytes:
    id_ = secrets.randbelow(1 << 16)
    asked = message(query, id_)
    reader, writer = await asyncio.open_connection(*server)
    with closing(writer):
        writer.write(pack("!H", len(asked)) + asked)
        length = int.from_bytes(await reader.readexactly(2), "big")
        answer = await reader.readexactly(length)
    if not is_answer(answer, query, id_):
        raise EOFError
    return answer
