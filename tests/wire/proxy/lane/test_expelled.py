"""Who was let in and may not be here any more: what is open ends, whatever it is; others' stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.rig.entry import NOW, Entry
from tests.wire.proxy.lane.alone import alone
from tests.wire.proxy.lane.callers import (
    BRIEF,
    FREE,
    LASTS,
    ONE,
    OTHER,
    PASSWORD,
    Doorman,
    keyring,
    shown,
)
from tests.wire.proxy.lane.lasting import Dashboard, Events, Open, Tunnel, Upload, acting
from tests.wire.proxy.through import LONG, Proxy, through
from tests.wire.proxy.upstream import Conversation, upstream

pytestmark = pytest.mark.usefixtures("quiet", "often")


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the lane of this process look more often than each second who has to go."""
    monkeypatch.setattr("opencoderouter.proxy.lane.lane._TICK", 0.05)


KINDS = (Events, Tunnel, Upload, Dashboard)
every_kind = pytest.mark.parametrize("kind", KINDS)


@asynccontextmanager
async def opened(kind: type[Open], proxy: Proxy, field: str) -> AsyncIterator[Open]:
    """Return something that is open to who shows this field."""
    async with proxy.client() as client:
        one = kind(proxy, client)
        await one.begin(field)
        yield one


@every_kind
@pytest.mark.parametrize("secret", [ONE, PASSWORD])
async def test_a_secret_that_is_none_any_more(kind: type[Open], secret: str) -> None:
    """With a token, or the password, ends what was open by it; what is open by another goes on."""
    entry = Entry(keyring())
    async with (
        upstream(acting()) as backend,
        through(backend.port, entry=entry) as proxy,
        opened(kind, proxy, shown(secret)) as mine,
        opened(kind, proxy, shown(OTHER)) as another,
    ):
        entry.keyring = keyring(ONE) if secret == ONE else keyring(password="another-one")
        await mine.cut_off()
        for talk in backend.conversations[:1]:
            async with asyncio.timeout(LONG):
                await talk.gone.wait()
        await another.use()


@every_kind
@pytest.mark.usefixtures("alone")
async def test_a_token_that_is_over(kind: type[Open]) -> None:
    """Its time ends what was open by it, without a change of the keyring, and nothing else."""
    entry = Entry(keyring())
    async with (
        upstream(acting()) as backend,
        through(backend.port, entry=entry) as proxy,
        opened(kind, proxy, shown(BRIEF)) as mine,
        opened(kind, proxy, shown(OTHER)) as another,
    ):
        entry.clock = NOW + LASTS
        await mine.cut_off()
        await another.use()


@every_kind
@pytest.mark.usefixtures("alone")
async def test_a_session_that_was_left(kind: type[Open]) -> None:
    """Who logs out ends what is open in this session; another of the same password goes on."""
    entry = Entry(keyring())
    grant = entry.keyring.judge(PASSWORD, NOW)
    assert grant is not None
    async with upstream(acting()) as backend, through(backend.port, entry=entry) as proxy:
        host = "localhost" if kind is Dashboard else "alpha-alice.local"

        def cookie(session: str) -> str:
            value = entry.keyring.seal(grant, session, "127.0.0.1", host, NOW)
            return f"Cookie: {entry.keyring.cookie}={value}\r\nSec-Fetch-Site: same-origin"

        async with (
            opened(kind, proxy, cookie("mine")) as mine,
            opened(kind, proxy, cookie("another")) as another,
        ):
            entry.keyring = replace(entry.keyring, revoked=frozenset({"mine"}))
            await mine.cut_off()
            await another.use()


@every_kind
async def test_our_own_user(kind: type[Open]) -> None:
    """Who came in free goes when nobody comes in free any more."""
    entry = Entry(keyring())
    async with (
        upstream(acting()) as backend,
        alone(backend.port, entry=entry, door=Doorman(FREE)) as proxy,
        opened(kind, proxy, "X-Nothing: shown") as mine,
        opened(kind, proxy, shown(OTHER)) as another,
    ):
        entry.keyring = replace(keyring(), auth="always")
        await mine.cut_off()
        await another.use()


async def test_who_asks_nothing_at_the_moment() -> None:
    """A connection that rests goes on: its next request is judged anew."""
    entry = Entry(keyring())
    async with (
        upstream(acting()) as backend,
        alone(backend.port, entry=entry) as proxy,
        proxy.client() as resting,
        opened(Events, proxy, shown(ONE)) as mine,
    ):
        request = proxy.head("host", "/", shown(ONE))
        await resting.send(request)
        assert (await resting.head()).startswith(b"HTTP/1.1 200 ")
        entry.keyring = keyring(ONE)
        await mine.cut_off()
        await resting.send(request)
        assert (await resting.head()).startswith(b"HTTP/1.1 401 ")


async def test_a_request_that_waits_for_its_answer() -> None:
    """The answer to who may not be here any more is not waited for; the backend hears of it."""
    entry = Entry(keyring())

    async def never(talk: Conversation) -> None:
        await talk.head()
        await talk.to_end()

    async with (
        upstream(never) as backend,
        through(backend.port, entry=entry) as proxy,
        proxy.client() as client,
    ):
        await client.send(proxy.head("host", "/", shown(ONE)))
        talk = await backend.conversation()
        entry.keyring = keyring(ONE)
        with pytest.raises(ConnectionError):
            await client.rest()
        async with asyncio.timeout(LONG):
            await talk.gone.wait()


@pytest.mark.usefixtures("alone")
async def test_a_new_keyring_and_nobody_has_to_go() -> None:
    """Whoever still may be here hears nothing of the change, however often there is one."""
    entry = Entry(keyring(BRIEF))
    async with (
        upstream(acting()) as backend,
        through(backend.port, entry=entry) as proxy,
        opened(Tunnel, proxy, shown(OTHER)) as mine,
    ):
        for _ in range(2):
            entry.keyring = keyring()
            async with opened(Tunnel, proxy, shown(ONE)) as gone:
                entry.keyring = keyring(ONE)
                await gone.cut_off()
            await mine.use()
