"""Questions and answers over TCP (RFC 7766): several at once on a connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from struct import pack
from typing import cast

from opencoderouter.announce.dns.answer import Answer
from opencoderouter.announce.dns.desk import Desk, Slow, Start
from opencoderouter.announce.dns.limits import Guests

IDLE = 10.0  # seconds without a whole question
CONNECTIONS = 200
CONNECTIONS_OF_ONE = 20  # clients that serve others (resolvers) open a handful
CONNECTIONS_OF_NETWORK = 100
_AT_ONCE = 32  # questions of a connection that others are asked for
_BATCH = 64  # questions of a connection in a row
_LENGTH = 2  # octets


@dataclass(slots=True)
class Crowd:
    """The connections that are open, each with its client and the client's network."""

    idle: float = IDLE
    most: int = CONNECTIONS
    most_of_one: int = CONNECTIONS_OF_ONE
    most_of_network: int = CONNECTIONS_OF_NETWORK
    members: dict[Tcp, tuple[str, str]] = field(default_factory=dict)

    def enter(self, connection: Tcp, client: str, network: str) -> bool:
        """Let a connection in, if there is room for it."""
        near = [other for other, where in self.members.values() if where == network]
        has_room = len(self.members) < self.most and len(near) < self.most_of_network
        if not has_room or near.count(client) >= self.most_of_one:
            return False
        self.members[connection] = (client, network)
        return True

    def leave(self, connection: Tcp) -> None:
        """Forget a connection, if it was let in."""
        self.members.pop(connection, None)

    def close(self) -> None:
        """End all connections."""
        for connection in list(self.members):
            connection.close()


class Tcp(asyncio.Protocol):
    """One connection. Who may not ask is not answered; nobody can have forged the sender."""

    def __init__(self, desk: Desk, guests: Guests, crowd: Crowd, start: Start) -> None:
        self._desk, self._guests, self._crowd, self._start = desk, guests, crowd, start
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._client = ""
        self._buffer = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._last = self._loop.time()
        self._slow = 0
        self._full = False  # the client does not read
        self._ended = False  # the client asks no more

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in, or not."""
        transport = cast("asyncio.Transport", transport)  # it is TCP; uvloop's is no subclass
        client = transport.get_extra_info("peername")[0]
        guest = self._guests.of(client)
        if not guest.allowed:
            self._desk.counts.refused += 1
            transport.abort()
        elif not self._crowd.enter(self, client, guest.network):
            self._desk.counts.limited += 1
            transport.abort()
        else:
            self._transport, self._client = transport, client
            self._timer = self._loop.call_later(self._crowd.idle, self._tick)

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room."""
        del exc
        self._transport = None
        if self._timer:
            self._timer.cancel()
        self._crowd.leave(self)

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        self._buffer += data
        self._take()

    def eof_received(self) -> bool:
        """Keep the connection for answers that are still to come."""
        self._ended = True
        return self._slow > 0

    def pause_writing(self) -> None:
        """Take no more questions: the client does not read the answers."""
        self._full = True

    def resume_writing(self) -> None:
        """Go on."""
        self._full = False
        self._take()

    def close(self) -> None:
        """End the connection."""
        if self._transport:
            self._transport.abort()

    def _take(self) -> None:
        """Answer some questions; the others have their turn after those of other clients."""
        for _ in range(_BATCH):
            if not self._transport:
                return
            if self._full or self._slow >= _AT_ONCE:
                self._transport.pause_reading()
                return  # until there is room
            end = _LENGTH + int.from_bytes(self._buffer[:_LENGTH], "big")
            if len(self._buffer) < max(end, _LENGTH):
                self._transport.resume_reading()
                return
            packet = bytes(self._buffer[_LENGTH:end])
            del self._buffer[:end]
            self._answer(packet)
        if self._transport:
            self._transport.pause_reading()
            self._loop.call_soon(self._take)

    def _answer(self, packet: bytes) -> None:
        self._last = self._loop.time()
        self._desk.counts.asked += 1
        found = self._desk.look(packet, self._client, tcp=True)
        if isinstance(found, Answer):
            self._send(found)
        elif found is not None:
            self._slow += 1
            self._start(self._settle(found))

    async def _settle(self, slow: Slow) -> None:
        answer = await self._desk.settle(slow, self._client)
        self._slow -= 1
        self._send(answer)
        if self._transport and self._ended and not self._slow:
            self._transport.close()
        else:
            self._take()

    def _send(self, answer: Answer) -> None:
        if self._transport:
            self._transport.write(pack("!H", len(answer.wire)) + answer.wire)

    def _tick(self) -> None:
        """End a connection that has nothing to say, or nobody to listen."""
        left = self._last + self._crowd.idle - self._loop.time()
        if left > 0 or self._slow:
            self._timer = self._loop.call_later(max(left, 1.0), self._tick)
        else:
            self.close()
