"""Who a client is may take a moment to find out: what it says meanwhile waits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from tests.rig.entry import Entry
from tests.wire.proxy.lane.alone import Alone, alone
from tests.wire.proxy.lane.callers import FREE, ONE, PASSWORD, STRANGER, Doorman, keyring, shown
from tests.wire.proxy.through import LONG, split
from tests.wire.proxy.upstream import OK, Conversation, Upstream, upstream, whole

from opencoderouter.core.grant import Caller
from opencoderouter.proxy.lane.limits import Limits

pytestmark = pytest.mark.usefixtures("quiet")
CLOSE = "Connection: close"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A router that lets our own user in, its door, and its backend."""

    router: Alone
    door: Doorman
    backend: Upstream
    entry: Entry

    def head(self, target: str, *fields: str, method: str = "GET") -> bytes:
        """Return a request head for the project."""
        return self.router.head("host", target, *fields, method=method)

    async def pass_by(self) -> None:
        """Return when all that was sent before has been taken in: another client was served."""
        self.door.caller = FREE
        assert (await self.router.ask(self.head("/other", CLOSE))).endswith(b"ok")
        self.door.caller = None


@asynccontextmanager
async def guarded(limits: Limits | None = None) -> AsyncIterator[Guarded]:
    """Run all of it."""

    async def script(talk: Conversation) -> None:
        while True:
            await whole(talk)
            await talk.say(OK)

    entry, door = Entry(keyring()), Doorman()
    async with (
        upstream(script) as backend,
        alone(backend.port, entry=entry, door=door, limits=limits) as router,
    ):
        yield Guarded(router, door, backend, entry)


async def test_what_came_before_is_answered() -> None:
    """A request that is there already is answered when it is known whose it is, not before."""
    async with guarded() as rig, rig.router.client() as client:
        await client.send(rig.head("/first"))
        await rig.pass_by()
        assert b"/first" not in rig.backend.seen
        await rig.door.decide(FREE)
        assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await client.exactly(2) == b"ok"
        await client.send(rig.head("/second"))
        assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_what_comes_later_is_answered() -> None:
    """Who has said nothing yet is served like everybody else."""
    async with guarded() as rig, rig.router.client() as client:
        await rig.door.decide(FREE)
        await client.send(rig.head("/first"))
        assert (await client.head()).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(("secret", "status"), [("", b"401"), ("wrong", b"401"), (ONE, b"200")])
async def test_who_is_not_free(secret: str, status: bytes) -> None:
    """An agent's tool that has waited for nothing must show a secret like others."""
    async with guarded() as rig, rig.router.client() as client:
        fields = (shown(secret),) if secret else ()
        await client.send(rig.head("/first", *fields))
        await rig.pass_by()
        await rig.door.decide(Caller("127.0.0.1", 1000, free=False))
        assert (await client.head()).split()[1] == status
        assert (b"/first" in rig.backend.seen) is (status == b"200")


async def test_in_order() -> None:
    """Several requests, one of them with a body, are answered one by one as they came."""
    async with guarded() as rig, rig.router.client() as client:
        body = rig.head("/b", "Content-Length: 3", method="POST") + b"abc"
        await client.send(rig.head("/a") + body + rig.head("/c", CLOSE))
        await rig.pass_by()
        await rig.door.decide(FREE)
        assert (await client.rest()).count(b"\r\n\r\nok") == 3
        seen = rig.backend.seen
        assert seen.index(b"GET /a ") < seen.index(b"POST /b ") < seen.index(b"GET /c ")
        assert b"abc" in seen


async def test_much_at_once() -> None:
    """More than is taken in ahead is not lost, and waits in the client's own buffers."""
    async with guarded() as rig, rig.router.client() as client:
        size = 1 << 20
        client.writer.write(rig.head("/big", f"Content-Length: {size}", CLOSE, method="POST"))
        client.writer.write(bytes(size))
        await rig.pass_by()
        await rig.door.decide(FREE)
        assert (await client.rest()).endswith(b"ok")
        assert rig.backend.seen.endswith(bytes(size))


async def test_who_has_finished_meanwhile() -> None:
    """A client that says no more still gets its answers, and then the end."""
    async with guarded() as rig, rig.router.client() as client:
        await client.send(2 * rig.head("/first"))
        client.writer.write_eof()
        await rig.pass_by()
        await rig.door.decide(FREE)
        assert (await client.rest()).count(b"\r\n\r\nok") == 2
        await rig.router.empty()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHo"])
async def test_who_has_finished_and_asked_nothing(said: bytes) -> None:
    """A client that says no more, and nothing whole, hears the end, at the latest when known."""
    async with guarded() as rig, rig.router.client() as client:
        await client.send(said)
        client.writer.write_eof()
        await rig.pass_by()
        await rig.door.decide(FREE)
        assert await client.rest() == b""
        await rig.router.empty()


@pytest.mark.parametrize("caller", [FREE, STRANGER])
async def test_who_has_gone_meanwhile(caller: Caller) -> None:
    """Of a client that is gone nothing reaches a backend, whoever it was."""
    async with guarded() as rig:
        async with rig.router.client() as client:
            await client.send(rig.head("/gone"))
            decided = await rig.door.waiting()
            client.reset()
        await rig.router.empty()
        decided(caller)
        await rig.pass_by()
        assert b"/gone" not in rig.backend.seen
        await rig.router.empty()


async def test_a_router_that_stops_meanwhile() -> None:
    """The end of the router waits for no decision, and one that comes too late harms nobody."""
    async with guarded() as rig, rig.router.client() as client:
        await client.send(rig.head("/late"))
        await rig.pass_by()
        decided = await rig.door.waiting()
        rig.router.context.closing.set()
        await rig.router.lane.finish(LONG)
        decided(FREE)
        with suppress(ConnectionError):
            assert await client.rest() == b""
        await rig.router.empty()
        assert b"/late" not in rig.backend.seen


async def test_who_was_refused_meanwhile() -> None:
    """One connection too many is told so at once; who it was changes nothing any more."""
    async with guarded(Limits(connections=1)) as rig, rig.router.client() as first:
        await rig.door.decide(FREE)
        await first.send(rig.head("/first"))
        assert (await first.head()).startswith(b"HTTP/1.1 200 OK\r\n")
        async with rig.router.client() as second:
            await second.send(rig.head("/second"))
            start, _, body = split(await second.head() + await second.rest())
            assert (start.split()[1], json.loads(body)["error"]) == (b"503", "overloaded")
            await rig.door.decide(FREE)
        await first.exactly(2)
        await first.send(rig.head("/third", CLOSE))
        assert (await first.rest()).endswith(b"ok")
        await rig.router.empty()
        assert b"/second" not in rig.backend.seen


async def test_the_same_words_of_another() -> None:
    """What was decided for one caller is not what another gets: not even from one address."""
    async with guarded() as rig:
        request = rig.head("/same", CLOSE)
        for caller, status in 2 * [(FREE, b"200"), (STRANGER, b"401")]:
            rig.door.caller = caller
            assert (await rig.router.ask(request)).split()[1] == status
        assert rig.backend.seen.count(b"/same") == 2


async def test_the_same_words_by_another_keyring() -> None:
    """What one keyring let in, or did not, is looked at again by the next."""
    async with guarded() as rig, rig.router.client() as client:
        await rig.door.decide(STRANGER)
        for gone, status in 2 * [((), b"200"), ((ONE,), b"401")]:
            rig.entry.keyring = keyring(*gone)
            await client.send(rig.head("/same", shown(ONE)))
            start, fields, _ = split(await client.head())
            assert start.split()[1] == status
            lengths = [one for one in fields if one.lower().startswith(b"content-length: ")]
            await client.exactly(int(lengths[0][16:]))


async def test_the_right_password_after_too_many_wrong_ones() -> None:
    """It is not looked at for a while, wherever it is shown; whoever else is there is served."""
    async with guarded() as rig:
        rig.door.caller = STRANGER
        for number in range(6):
            await rig.router.ask(rig.head("/x", shown(str(number)), CLOSE))
        answer = await rig.router.ask(rig.head("/x", shown(PASSWORD), CLOSE))
        assert answer.startswith(b"HTTP/1.1 429 ")
        rig.door.caller = STRANGER._replace(uid=1002)
        answer = await rig.router.ask(rig.head("/x", shown(PASSWORD), CLOSE))
        assert answer.startswith(b"HTTP/1.1 200 ")
