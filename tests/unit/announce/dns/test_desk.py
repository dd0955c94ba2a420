"""What UDP and TCP share: answers of before, the zone of now, and what others are asked."""

from __future__ import annotations

import asyncio

import pytest
from tests.rig.questions import APP, DOMAIN, TOLD, ZONE, ask, opt, read, shown

from opencoderouter.announce.dns import desk as desks
from opencoderouter.announce.dns.answer import Answer, Bridge, Forward, Kind
from opencoderouter.announce.dns.desk import Desk
from opencoderouter.announce.dns.forward import Forwarder
from opencoderouter.announce.dns.query import SERVFAIL, Query
from opencoderouter.announce.dns.records import A, Ask, Heard, Record, Silence, name
from opencoderouter.announce.dns.zone import successor
from opencoderouter.core.announcement import Announcement

HERE = "127.0.0.1"
HOST = ask("host.local")


class Other(Forwarder):
    """Another DNS server that says the same to everybody."""

    def __init__(self, says: bytes | None) -> None:
        super().__init__(())
        self.says = says

    async def ask(self, query: Query) -> bytes | None:
        """Say it."""
        del query
        return self.says


async def nobody(_name: str, _kind: int, _client: str) -> Heard:
    """Play an empty network."""
    return Silence.NOBODY


def desk(*, ask: Ask | None = nobody, near: bool = True, other: Forwarder | None = None) -> Desk:
    """Return a desk with a network and, maybe, another server."""
    return Desk(ZONE, ask, lambda client: near or client != HERE, other)


def slow(at: Desk, packet: bytes, *, tcp: bool = False) -> Bridge | Forward:
    """Return what somebody else is to be asked."""
    found = at.look(packet, HERE, tcp=tcp)
    assert isinstance(found, Bridge | Forward)
    return found


def code(found: object) -> int:
    """Return the code of an answer."""
    assert isinstance(found, Answer)
    return int(found.wire[3]) & 15


def counted(at: Desk) -> dict[str, int]:
    """Return the counts that are not zero."""
    counts = at.counts
    return {key: getattr(counts, key) for key in counts.__slots__ if getattr(counts, key)}


def test_cached() -> None:
    """The second answer is the first one, with its own id; UDP and TCP do not mix."""
    at, packet = desk(), ask("app-alice.local")
    first, second = (at.look(packet, HERE, tcp=False) for _ in range(2))
    assert first is not None
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert (second.wire, second.kind) == (first.wire, Kind.ANSWER)
    third = at.look(b"\xff\xff" + packet[2:], HERE, tcp=False)
    assert isinstance(third, Answer)
    assert third.wire == b"\xff\xff" + first.wire[2:]
    at.look(packet, HERE, tcp=True)
    assert counted(at) == {"answered": 2, "cached": 2}


def test_new_zone() -> None:
    """No answer of the old zone outlives it."""
    at, packet = desk(ask=None), ask(f"web-alice.{DOMAIN}")
    for tcp in (False, True):
        assert code(at.look(packet, HERE, tcp=tcp)) == 0
    at.zone = successor(ZONE, Announcement(frozenset({APP}), TOLD.addresses))
    for tcp in (False, True):
        assert code(at.look(packet, HERE, tcp=tcp)) == 3


def test_counts() -> None:
    """Each end is counted."""
    at = desk()
    for packet in (b"", ask("example.com"), ask("app-alice.local")):
        at.look(packet, HERE, tcp=False)
    assert counted(at) == {"dropped": 1, "refused": 1, "answered": 1}


async def test_bridged() -> None:
    """What the network says is the answer; nothing of it is kept."""

    async def one(asked: str, kind: int, _client: str) -> Heard:
        return (Record(name(asked), kind, 9, bytes([10, 0, 0, 9])),) if kind == A else ()

    at = desk(ask=one)
    for _ in range(2):
        found = await at.settle(slow(at, HOST), HERE)
        assert shown(read(found.wire).rr) == ["host.local. 1 10.0.0.9"]
    assert counted(at) == {"bridged": 2}


@pytest.mark.parametrize(("says", "expected"), [(Silence.NOBODY, 3), (Silence.BUSY, 2), ((), 0)])
async def test_silence(says: Heard, expected: int) -> None:
    """Nobody, no answer, and no such record are three things."""

    async def network(_name: str, _kind: int, _client: str) -> Heard:
        return says

    at = desk(ask=network)
    assert code(await at.settle(slow(at, HOST), HERE)) == expected


async def test_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that never says anything is not waited for without end."""
    monkeypatch.setattr(desks, "BRIDGE_PATIENCE", 0.01)

    async def network(_name: str, _kind: int, _client: str) -> Heard:
        await asyncio.Event().wait()
        return ()

    at = desk(ask=network)
    assert code(await at.settle(slow(at, HOST), HERE)) == 2
    assert counted(at) == {"bridged": 1, "failed": 1}


def test_near() -> None:
    """Only neighbours may ask the network; everybody is told of our names."""
    at = desk(near=False)
    assert code(at.look(HOST, HERE, tcp=False)) == 5
    assert code(at.look(ask("app-alice.local"), HERE, tcp=False)) == 0
    assert isinstance(at.look(HOST, "::1", tcp=False), Bridge)


async def test_bounded() -> None:
    """When 256 questions are open the next one fails at once; one that is done makes room."""
    free = asyncio.Event()

    async def network(_name: str, _kind: int, _client: str) -> Heard:
        await free.wait()
        return ()

    at = desk(ask=network)
    async with asyncio.TaskGroup() as group:
        for _ in range(256):
            group.create_task(at.settle(slow(at, HOST), HERE), name="question")
        await asyncio.sleep(0)
        assert code(at.look(HOST, HERE, tcp=False)) == 2
        free.set()
    assert isinstance(at.look(HOST, HERE, tcp=False), Bridge)


PASSED = ask("example.com", flags=0x8180)


async def test_forwarded() -> None:
    """What another server says goes to the client as it is."""
    at = desk(other=Other(PASSED))
    assert (await at.settle(slow(at, ask("example.com")), HERE)).wire == PASSED
    assert counted(at) == {"forwarded": 1}


@pytest.mark.parametrize(
    ("edns", "tcp", "room"),
    [(b"", False, 512), (opt(600), False, 600), (opt(9000), False, 1232), (b"", True, 65535)],
)
async def test_forwarded_and_cut(edns: bytes, tcp: bool, room: int) -> None:  # noqa: FBT001 - a table
    """What the client does not take is cut to a word that it is to ask over TCP."""
    for length in (room, room + 1):
        at = desk(other=Other(PASSED + bytes(length - len(PASSED))))
        found = await at.settle(slow(at, ask("example.com", edns=edns), tcp=tcp), HERE)
        assert (len(found.wire) == length) == (length == room)
        assert bool(found.wire[2] & 2) == (length > room)


async def test_not_forwarded() -> None:
    """Without an answer it is SERVFAIL."""
    at = desk(other=Other(None))
    assert code(await at.settle(slow(at, ask("example.com")), HERE)) == 2
    assert counted(at) == {"forwarded": 1, "failed": 1}


async def test_a_question_that_breaks_something(caplog: pytest.LogCaptureFixture) -> None:
    """One question must not end the server: the client is told that it failed, and it is logged."""

    async def broken(_name: str, _kind: int, _client: str) -> Heard:
        raise RuntimeError

    at = desk(ask=broken)
    assert code(await at.settle(slow(at, HOST), HERE)) == SERVFAIL
    assert "question failed" in caplog.text
    assert counted(at)["failed"] == 1
