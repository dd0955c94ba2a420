"""Requests to the application that come too often, and those that do not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web
from tests.wire.proxy.lane.holding import Clock

from opencoderouter.core.grant import EVERYBODY, PEER, Grant, Identified, to_json
from opencoderouter.proxy.context import IDENTITY
from opencoderouter.proxy.pace import paced

FAR = Identified("192.0.2.7")


async def answer(_: web.Request) -> web.Response:
    """Be a handler."""
    return web.Response(text="ok")


@asynccontextmanager
async def asking(clock: Clock, rate: float = 2) -> AsyncIterator[ClientSession]:
    """Serve a page so often a second, without a lane in front of it."""
    app = web.Application(middlewares=[paced(rate, clock)])
    app.router.add_get("/api/page", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        async with ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
            yield session
    finally:
        await runner.cleanup()


async def served(session: ClientSession, who: Identified, path: str = "/api/page") -> int:
    """Ask until it is too often; return how often it was not."""
    count = 0
    while True:
        async with session.get(path, headers={IDENTITY: to_json(who)}) as response:
            if response.status == 429:
                return count
            count += 1


async def test_too_often() -> None:
    """Who asks too often is told so, and when to ask again; then he is served."""
    clock = Clock()
    async with asking(clock, rate=0.5) as session:
        assert await served(session, FAR) == 1
        async with session.get("/api/page", headers={IDENTITY: to_json(FAR)}) as response:
            said = await response.json()
            assert (response.status, said["error"]) == (429, "too_many_requests")
            wait = int(response.headers["Retry-After"])
        assert wait == 2
        clock.now += wait
        assert await served(session, FAR) == 1


@pytest.mark.parametrize(
    ("grant", "count"),
    [(None, 4), (Grant("password"), 4), (Grant("token"), 4), (PEER, 40), (EVERYBODY, 40)],
)
async def test_who_is_at_home_may_ask_more(grant: Grant | None, count: int) -> None:
    """Ten times as often as somebody who comes from elsewhere."""
    async with asking(Clock()) as session:
        assert await served(session, Identified("127.0.0.1#1000", grant)) == count


async def test_nobody_pays_for_others() -> None:
    """Each origin has its own number; what is not there counts as well."""
    async with asking(Clock()) as session:
        assert await served(session, FAR) == 4
        assert await served(session, Identified("192.0.2.8"), "/api/nothing") == 4
        async with session.get("/api/page") as response:  # not by the lane
            assert response.status == 200
