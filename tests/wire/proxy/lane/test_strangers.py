"""Who has not shown yet that he may come in: how many of them there may be, on every way out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from tests.rig.entry import Entry
from tests.wire.proxy.lane.alone import Alone, alone
from tests.wire.proxy.lane.callers import FREE, ONE, STRANGER, Doorman, keyring, shown
from tests.wire.proxy.through import LONG, Client, split, value
from tests.wire.proxy.upstream import OK, Conversation, upstream, whole

from opencoderouter.core.grant import Caller
from opencoderouter.core.keyring import Auth
from opencoderouter.proxy.lane.limits import Limits

pytestmark = pytest.mark.usefixtures("quiet")
MOST = 3
LIMITS = Limits(unauthenticated=MOST, websockets=1)
CLOSE = "Connection: close"
HEALTH = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x")


@dataclass(frozen=True, slots=True)
class Guarded:
    """A router, its door, and what lets people in."""

    router: Alone
    door: Doorman
    entry: Entry

    def head(self, target: str, *fields: str, method: str = "GET") -> bytes:
        """Return a request head for the project by which somebody is let in."""
        return self.router.head("host", target, shown(ONE), *fields, method=method)

    async def room(self) -> int:
        """Return how many strangers find room when nobody else is here."""
        await self.router.empty()
        found = 0
        async with AsyncExitStack() as all_:
            for _ in range(2 * MOST):
                client = await all_.enter_async_context(self.router.client())
                await client.send(HEALTH)
                found += (await client.head()).startswith(b"HTTP/1.1 200 ")
        await self.router.empty()
        return found


async def act(talk: Conversation) -> None:
    """Be a backend that switches, streams, fails, or answers."""
    while True:
        head = await whole(talk)
        if b"Upgrade: " in head:
            await talk.say(SWITCH)
            while data := await talk.some():
                await talk.say(data)
            return
        if b" /event" in head:
            await talk.say(STREAM)
            await talk.to_end()
            return
        if b" /nothing" in head:
            return
        await talk.say(OK)


@asynccontextmanager
async def guarded(caller: Caller | None = STRANGER) -> AsyncIterator[Guarded]:
    """Run a router to which everybody comes as this caller."""
    entry, door = Entry(keyring()), Doorman(caller)
    async with (
        upstream(act) as backend,
        alone(backend.port, entry=entry, door=door, limits=LIMITS) as router,
    ):
        yield Guarded(router, door, entry)


async def answered(rig: Guarded, client: Client) -> None:
    """Be let in, twice, and stay."""
    for _ in range(2):
        await client.send(rig.head("/"))
        await client.head()
        await client.exactly(2)


async def asked_to_go(rig: Guarded, client: Client) -> None:
    """Be let in for the last request."""
    await client.send(rig.head("/", CLOSE))
    await client.rest()


async def not_let_in(rig: Guarded, client: Client) -> None:
    """Be refused, and then be let in."""
    await client.send(rig.router.head("host", "/"))
    start, fields, _ = split(await client.head())
    assert start.startswith(b"HTTP/1.1 401 ")
    await client.exactly(int(value(fields, b"content-length")[0]))
    await answered(rig, client)


async def malformed(_: Guarded, client: Client) -> None:
    """Talk nonsense."""
    await client.send(b"nonsense\r\n\r\n")
    await client.rest()


async def wrong_body(rig: Guarded, client: Client) -> None:
    """Be let in, and send a body that is none."""
    await client.send(rig.head("/", "Transfer-Encoding: chunked", method="POST") + b"x\r\n")
    await client.rest()


async def unanswered(rig: Guarded, client: Client) -> None:
    """Be let in to a backend that does not answer."""
    await client.send(rig.head("/nothing"))
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")


async def silent(_: Guarded, client: Client) -> None:
    """Say nothing."""
    client.writer.write_eof()
    await client.rest()


async def streaming(rig: Guarded, client: Client) -> None:
    """Leave in the middle of an event stream."""
    await client.send(rig.head("/event"))
    await client.head()
    client.reset()


async def tunnelling(rig: Guarded, client: Client) -> None:
    """End a tunnel."""
    await client.send(rig.head("/", *UPGRADE))
    await client.head()
    client.writer.write_eof()
    await client.rest()


async def tunnel_reset(rig: Guarded, client: Client) -> None:
    """Break a tunnel off."""
    await client.send(rig.head("/", *UPGRADE))
    await client.head()
    client.reset()


async def no_tunnel(rig: Guarded, client: Client) -> None:
    """Be let in, and not get a tunnel: there is one already."""
    async with rig.router.client() as other:
        await other.send(rig.head("/", *UPGRADE))
        assert (await other.head()).startswith(b"HTTP/1.1 101 ")
        await client.send(rig.head("/", *UPGRADE))
        assert (await client.head()).startswith(b"HTTP/1.1 503 ")


async def expelled(rig: Guarded, client: Client) -> None:
    """Be let in, and be sent away."""
    await client.send(rig.head("/event"))
    await client.head()
    rig.entry.keyring = keyring(ONE)
    with pytest.raises(ConnectionError):
        await client.rest()
    rig.entry.keyring = keyring()


WAYS = [
    *(answered, asked_to_go, not_let_in, malformed, wrong_body, unanswered, silent),
    *(streaming, tunnelling, tunnel_reset, no_tunnel, expelled),
]


@pytest.mark.parametrize("way", WAYS)
async def test_every_way_out(way: Callable[[Guarded, Client], Awaitable[None]]) -> None:
    """However often somebody comes and goes: there is room for as many as before."""
    async with guarded() as rig:
        for _ in range(2):
            async with rig.router.client() as client:
                await way(rig, client)
            await rig.router.empty()
            assert rig.router.lane.occupancy.websockets == 0
        assert await rig.room() == MOST


async def test_one_too_many() -> None:
    """Who comes when there is no room for strangers is told so, and when to come back."""
    async with guarded() as rig, AsyncExitStack() as all_:
        first, *_ = [await all_.enter_async_context(rig.router.client()) for _ in range(MOST)]
        await first.send(rig.router.head("host", "/"))
        assert (await first.head()).startswith(b"HTTP/1.1 401 ")
        start, fields, body = split(await rig.router.ask(rig.head("/")))
        assert start.startswith(b"HTTP/1.1 503 ")
        assert value(fields, b"retry-after") == [b"1"]
        assert json.loads(body)["error"] == "too_many_connections"


async def test_who_is_known_makes_room() -> None:
    """Whoever is let in is no stranger any more, and needs none of their room while he stays."""
    async with guarded() as rig, AsyncExitStack() as all_:
        for _ in range(3 * MOST):
            client = await all_.enter_async_context(rig.router.client())
            await answered(rig, client)
        strangers = [await all_.enter_async_context(rig.router.client()) for _ in range(MOST)]
        for client in strangers:
            await client.send(HEALTH)
            assert (await client.head()).startswith(b"HTTP/1.1 200 ")
        assert (await rig.router.ask(HEALTH)).startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("auth", ["auto", "off"])
async def test_who_needs_no_room(auth: Auth) -> None:
    """Our own user is no stranger, and where everybody may come in nobody is one."""
    async with guarded(FREE if auth == "auto" else STRANGER) as rig, AsyncExitStack() as all_:
        rig.entry.keyring = replace(rig.entry.keyring, auth=auth)
        for _ in range(3 * MOST):
            client = await all_.enter_async_context(rig.router.client())
            await client.send(rig.router.head("host", "/"))
            assert (await client.head()).startswith(b"HTTP/1.1 200 ")


async def test_who_was_let_in_at_once_by_another_keyring() -> None:
    """A change of the keyring between coming and being let in loses no room."""
    async with guarded() as rig:
        changes: list[tuple[Auth, Auth]] = [("off", "auto"), ("auto", "off")]
        for before, after in changes:
            rig.entry.keyring = replace(keyring(), auth=before)
            async with rig.router.client() as client:
                await client.send(HEALTH)
                await client.head()
                rig.entry.keyring = replace(keyring(), auth=after)
                await client.send(rig.head("/", CLOSE))
                async with asyncio.timeout(LONG):
                    assert b"\r\n\r\nok" in await client.rest()
        rig.entry.keyring = keyring()
        assert await rig.room() == MOST
