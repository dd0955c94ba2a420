"""Sides that take nothing, or little at a time: what waits for them, and how long."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from tests.wire.proxy.lane.alone import Alone, alone
from tests.wire.proxy.lane.notes import gone, turns
from tests.wire.proxy.lane.test_clients import GET, POST, REFUSED, ROOM, SWITCH, UPGRADE
from tests.wire.proxy.lane.test_exchange import BIG, PIECE, flood, resident
from tests.wire.proxy.lane.test_patience import BOTH_SOON, SOON, has_waited
from tests.wire.proxy.through import LONG, Client, split, through
from tests.wire.proxy.upstream import Conversation, upstream

from opencoderouter.proxy.lane.limits import Limits

pytestmark = pytest.mark.usefixtures("quiet")

LANE = "opencoderouter.proxy.lane.lane."
OWN = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
ONE_SOON = Limits(connections=1, header_timeout=SOON, keepalive_timeout=SOON)
SIZE = 60_000  # octets of an answer that waits in the router as a whole
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE + b"x" * SIZE


async def test_a_tunnel_to_a_backend_that_is_slow_already() -> None:
    """Its client is still held back when the backend switches; memory stays bounded."""
    full = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await full.wait()
        await talk.say(SWITCH)
        await asyncio.Event().wait()

    async with (
        upstream(script) as backend,
        through(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(UPGRADE[:-2] + b"Content-Length: %d\r\n\r\n" % BIG)
        assert await flood(client.send, BIG) < BIG // 4
        before = resident()
        full.set()
        assert (await client.head()).startswith(b"HTTP/1.1 101 ")
        assert await flood(client.send, BIG) < BIG // 4
        assert resident() - before < ROOM


# Clients


async def until_there_is_room(proxy: Alone) -> None:
    """Wait until the only client that is let in has been let go."""
    async with asyncio.timeout(LONG):
        while not (await proxy.ask(OWN)).startswith(b"HTTP/1.1 200 "):
            pass


WAITING = {  # what has been sent by a client that does not read
    "the last answer": GET[:-2] + b"Connection: close\r\n\r\n",
    "an answer": GET,
    "an answer, and half a head": GET + GET[:-2],
    "an early answer": POST + b"Content-Length: 9\r\n\r\n",
    "refusals": REFUSED * 1500,
    "more refusals than are taken in": REFUSED * 15000,
}


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize("name", WAITING)
async def test_a_client_that_takes_nothing_of_its_answer(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    finished: bool,  # noqa: FBT001
) -> None:
    """It is let go in time, whatever is left for it, and the next one is let in."""
    for patience in ("HALF", "LINGER", "DRAIN"):
        monkeypatch.setattr(LANE + patience, SOON)

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(ANSWER)
        await talk.to_end()

    async with (
        upstream(script) as backend,
        alone(backend.port, limits=ONE_SOON, narrow=True) as proxy,
        proxy.narrow() as client,
    ):
        client.writer.write(WAITING[name])
        if finished:
            client.writer.write_eof()
        await until_there_is_room(proxy)


@pytest.mark.parametrize("request_", [GET, GET[:-2] + b"Connection: close\r\n\r\n"])
async def test_a_client_that_has_finished_and_reads_slowly(
    monkeypatch: pytest.MonkeyPatch, request_: bytes
) -> None:
    """It is not taken for gone while it takes its answer, wherever that waits meanwhile."""
    monkeypatch.setattr(LANE + "HALF", SOON)
    size = 32 << 20

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
        await talk.to_end()

    async with (
        upstream(script) as backend,
        alone(backend.port, limits=BOTH_SOON) as proxy,
        proxy.client() as client,
    ):
        await client.send(request_)
        client.writer.write_eof()
        await client.head()
        left = size
        for stop in (31 << 20, 12 << 20, 8 << 20, 4 << 20, 1 << 20):
            assert len(await client.exactly(left - stop)) == left - stop
            left = stop
            for _ in range(4):
                await has_waited(proxy)
        assert len(await client.rest()) == left


@pytest.mark.parametrize("early", [b"", b"early"])
async def test_a_client_that_finishes_before_the_switch(
    monkeypatch: pytest.MonkeyPatch, early: bytes
) -> None:
    """The backend hears of its end behind all it has sent, and may take its time to answer."""
    monkeypatch.setattr(LANE + "HALF", 1000)
    switch, answer = asyncio.Event(), asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await switch.wait()
        await talk.say(SWITCH)
        await talk.to_end()
        await answer.wait()
        await talk.say(b"last words")

    async with (
        upstream(script) as backend,
        alone(backend.port) as proxy,
        proxy.client() as client,
    ):
        await client.send(UPGRADE + early)
        client.writer.write_eof()
        async with asyncio.timeout(LONG):
            while not proxy.lane.halves:
                await turns(1)
        switch.set()
        await client.head()
        await gone(talk := await backend.conversation())
        assert talk.seen.endswith(b"\r\n\r\n" + early)
        assert not proxy.lane.halves  # where its silence would be taken for its death
        answer.set()
        assert await client.rest() == b"last words"


# Backends


async def push(client: Client) -> None:
    """Send without end, as far as it is taken."""
    with suppress(ConnectionError):
        while True:
            await client.send(PIECE)


STUCK = {  # the request, what the backend says before it gets stuck, and what its end looks like
    "tunnel": (UPGRADE, SWITCH, b""),
    "upload": (POST + b"Content-Length: %d\r\n\r\n" % BIG, b"", b"HTTP/1.1 502 Bad Gateway"),
}


@pytest.mark.parametrize("name", STUCK)
@pytest.mark.parametrize("stays", [True, False])
async def test_a_backend_that_takes_nothing(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    stays: bool,  # noqa: FBT001
) -> None:
    """It is given up in time: a client that is still there sees the end, and all is free again."""
    monkeypatch.setattr("opencoderouter.proxy.lane.pool.STUCK", 2.0)  # flooding takes one
    request, said, last = STUCK[name]
    go = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.head()
        await talk.say(said)
        await go.wait()
        await talk.to_end()

    async with upstream(script) as backend, alone(backend.port, limits=ONE_SOON) as proxy:
        async with proxy.client() as client, asyncio.TaskGroup() as group:
            await client.send(request)
            if said:
                assert await client.head() == said
            if stays:
                pushing = group.create_task(push(client), name="push")
                assert split(await client.rest())[0] == last
                pushing.cancel()
            else:
                await flood(client.send, BIG)
        await until_there_is_room(proxy)
        assert proxy.lane.occupancy.websockets == 0
        go.set()
        await gone(await backend.conversation())
