"""UDP: ways back, limits, and clients that may not ask."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from struct import pack

import pytest
from tests.rig.mutants import packets
from tests.rig.questions import TOLD, ZONE, ask, read

from opencoderouter.announce.dns.binding import bind
from opencoderouter.announce.dns.desk import Desk
from opencoderouter.announce.dns.limits import Guest, Guests, Limit
from opencoderouter.announce.dns.udp import Udp, from_there
from opencoderouter.announce.dns.zone import zone
from opencoderouter.core.announcement import Announcement

APP = ask("app-alice.local")
CROWD = zone(
    Announcement(TOLD.services, tuple(f"10.0.0.{n}" for n in range(100))),
    1,
    domain=None,
    claims_local=False,
)


class Counted(Guests):
    """Guests whose answers are counted, and who may ask or not, wherever they come from."""

    def __init__(self, *, allowed: bool) -> None:
        super().__init__()
        self._may = allowed

    def of(self, address: str) -> Guest:
        """Return what there is to know."""
        return replace(super().of(address), exempt=False, allowed=self._may)


@asynccontextmanager
async def answering(guests: Guests, desk: Desk) -> AsyncIterator[socket.socket]:
    """Answer on loopback while the block runs; yields a client that is connected."""
    loop = asyncio.get_running_loop()
    ((udp, tcp),) = bind((("127.0.0.1", 0),))
    tcp.close()
    now = loop.time()
    with udp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0)
        client.connect(udp.getsockname())
        async with asyncio.TaskGroup() as group:
            server = Udp(udp, desk, guests, Limit(), group.create_task, lambda: now)
            loop.add_reader(udp, server.ready)
            yield client
            loop.remove_reader(udp)


async def asked(client: socket.socket, desk: Desk, questions: list[bytes]) -> list[bytes]:
    """Send questions, and return all that comes back."""
    found = []
    for packet in questions:
        before = desk.counts.asked
        client.send(packet)
        while desk.counts.asked == before:  # noqa: ASYNC110 - counts tell nobody
            await asyncio.sleep(0)
        try:
            found.append(client.recv(65535))  # what is sent on loopback is there
        except BlockingIOError:
            continue
    return found


def desk() -> Desk:
    """Return one that has an answer of 500 octets."""
    return Desk(CROWD, None, lambda _: True, None)


async def test_limited() -> None:
    """Above the limit there are half as many answers, empty ones that say to ask over TCP."""
    at = desk()
    async with answering(Counted(allowed=True), at) as client:
        found = await asked(client, at, [APP] * 600)
    kinds = Counter((len(wire) > 400, bool(wire[2] & 2)) for wire in found)
    assert kinds == {(True, True): 400, (False, True): 100}
    assert at.counts.limited == 200
    assert max(len(wire) for wire in found[400:]) <= len(APP)


async def test_loopback_is_not_limited() -> None:
    """What cannot be forged is not limited."""
    at = desk()
    async with answering(Guests(), at) as client:
        assert len(await asked(client, at, [APP] * 600)) == 600


async def test_not_allowed() -> None:
    """Who may not ask is refused with as many octets as it sent, and after 40 times not at all."""
    at = desk()
    async with answering(Counted(allowed=False), at) as client:
        found = await asked(client, at, [APP] * 100)
    assert len(found) == 40
    assert {len(wire) for wire in found} == {len(APP)}
    assert {read(wire).header.rcode for wire in found} == {5}
    assert at.counts.refused == 100


async def test_never_amplified() -> None:
    """Whatever somebody who may not ask sends: less comes back."""
    at = Desk(ZONE, None, lambda _: True, None)
    sent = list(packets(500, seed=11))
    async with answering(Counted(allowed=False), at) as client:
        found = await asked(client, at, sent)
    assert 0 < sum(map(len, found)) <= sum(map(len, sent))


async def test_client_that_is_gone() -> None:
    """An answer that nobody takes makes an error at the next turn: it is passed over."""
    at = Desk(ZONE, None, lambda _: True, None)
    async with answering(Guests(), at) as client:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
            gone.connect(client.getpeername())
            gone.send(APP)
        assert await asked(client, at, [APP, APP])


@pytest.mark.parametrize(
    ("told", "back"),
    [
        (
            (socket.IPPROTO_IP, 8, pack("I4s4s", 3, b"\x0a\0\0\1", b"\x0a\0\0\xff")),
            (socket.IPPROTO_IP, 8, pack("I4s4s", 0, b"\x0a\0\0\1", bytes(4))),
        ),
        (
            (socket.IPPROTO_IPV6, 50, pack("16sI", b"\xfd" + bytes(14) + b"\1", 3)),
            (socket.IPPROTO_IPV6, 50, pack("16sI", b"\xfd" + bytes(14) + b"\1", 0)),
        ),
        (
            (socket.IPPROTO_IPV6, 50, pack("16sI", b"\xfe\x80" + bytes(13) + b"\1", 3)),
            (socket.IPPROTO_IPV6, 50, pack("16sI", b"\xfe\x80" + bytes(13) + b"\1", 3)),
        ),
    ],
    ids=["ipv4", "ipv6", "link-local"],
)
def test_from_there(told: tuple[int, int, bytes], back: tuple[int, int, bytes]) -> None:
    """An answer leaves from our address; the interface is named for link-local ones only."""
    assert from_there(*told) == back
