"""Questions and answers over UDP."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from struct import Struct
from typing import Any

from opencoderouter.announce.dns.answer import Answer, Kind, cut, refusal
from opencoderouter.announce.dns.desk import Desk, Slow, Start
from opencoderouter.announce.dns.limits import Guest, Guests, Limit, Verdict

_BATCH = 64  # packets in a row, before others of the event loop have their turn
_LONGEST = 2048  # octets; a longer packet is cut, and so it is no valid question
# socket.IP_PKTINFO is missing from Python 3.11; the values are those of <netinet/in.h>.
_IP_PKTINFO: int = getattr(socket, "IP_PKTINFO", 8 if sys.platform == "linux" else 26)
_PKTINFO = Struct("I4s4s")  # interface, our address, the packet's
_PKTINFO6 = Struct("16sI")  # the packet's address, interface
_ROOM = socket.CMSG_SPACE(_PKTINFO6.size)

Peer = tuple[Any, ...]  # of socket.recvfrom: address and port first
Way = tuple[Peer, list[tuple[int, int, bytes]]]  # back to a client: to whom, from where


class Udp:
    """Answers what comes to one socket. ``ready`` is to be called when there is something.

    Nothing raises: what cannot be sent is lost, as UDP is.
    """

    def __init__(
        self,
        opened: socket.socket,
        desk: Desk,
        guests: Guests,
        limit: Limit,
        start: Start,
        clock: Callable[[], float],
    ) -> None:
        self._socket, self._desk, self._guests, self._limit = opened, desk, guests, limit
        self._start, self._clock = start, clock
        # Elsewhere the kernel sends from the only address that the socket has.
        self._everywhere = ip_address(opened.getsockname()[0]).is_unspecified
        if self._everywhere:
            tell_addresses(opened)

    def ready(self) -> None:
        """Answer what has come."""
        receive = self._receive_anywhere if self._everywhere else self._receive
        for _ in range(_BATCH):
            try:
                packet, way = receive()
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                continue  # what a client's machine said of an answer of ours
            self._answer(packet, way)

    def _receive(self) -> tuple[bytes, Way]:
        packet, peer = self._socket.recvfrom(_LONGEST)
        return packet, (peer, [])

    def _receive_anywhere(self) -> tuple[bytes, Way]:
        packet, told, _flags, peer = self._socket.recvmsg(_LONGEST, _ROOM)
        return packet, (peer, [from_there(*one) for one in told])

    def _answer(self, packet: bytes, way: Way) -> None:
        self._desk.counts.asked += 1
        client = way[0][0]
        guest = self._guests.of(client)
        if guest.allowed:
            found = self._desk.look(packet, client, tcp=False)
        else:
            found = self._refuse(packet)
        if isinstance(found, Answer):
            self._send(packet, found, guest, way)
        elif found is not None:
            self._start(self._settle(packet, found, guest, way))

    def _refuse(self, packet: bytes) -> Answer | None:
        self._desk.counts.refused += 1
        wire = refusal(packet)
        return Answer(wire, Kind.ERROR) if wire else None

    async def _settle(self, packet: bytes, slow: Slow, guest: Guest, way: Way) -> None:
        self._send(packet, await self._desk.settle(slow, way[0][0]), guest, way)

    def _send(self, packet: bytes, answer: Answer, guest: Guest, way: Way) -> None:
        wire: bytes | None = answer.wire
        if not guest.exempt:
            verdict = self._limit.judge(guest.network, answer.kind, self._clock())
            if verdict is not Verdict.SEND:
                self._desk.counts.limited += 1
                wire = cut(packet) if verdict is Verdict.CUT and guest.allowed else None
        if wire is None:
            return
        peer, there = way
        with suppress(OSError):
            if there:
                self._socket.sendmsg([wire], there, 0, peer)
            else:
                self._socket.sendto(wire, peer)


def tell_addresses(opened: socket.socket) -> None:
    """Let a socket that is bound everywhere say to which address a packet came."""
    if opened.family == socket.AF_INET:
        opened.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    else:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)


def from_there(level: int, kind: int, data: bytes) -> tuple[int, int, bytes]:
    """Return what makes an answer leave from the address that was asked.

    By which interface is for the kernel to find, but for link-local addresses: they say nothing
    without it.
    """
    if level == socket.IPPROTO_IP and len(data) == _PKTINFO.size:
        _, here, _ = _PKTINFO.unpack(data)
        return level, kind, _PKTINFO.pack(0, here, bytes(4))
    if level == socket.IPPROTO_IPV6 and len(data) == _PKTINFO6.size:
        here, interface = _PKTINFO6.unpack(data)
        return level, kind, _PKTINFO6.pack(here, interface if ip_address(here).is_link_local else 0)
    return level, kind, data
