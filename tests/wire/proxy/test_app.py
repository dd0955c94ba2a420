"""The application as a whole: who answers what, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import gc

import pytest
from tests.wire.proxy.test_gate import CLOSE, local
from tests.wire.proxy.through import LONG, through
from tests.wire.proxy.upstream import OK, Conversation, upstream

from opencoderouter.proxy.lane.connection import Connection
from opencoderouter.proxy.lane.upstream import Upstream

SWITCH = b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"


@pytest.mark.parametrize(
    ("host", "target", "who"),
    [
        ("alpha.localhost", "/api/health", "backend"),
        ("alpha.localhost", "/", "backend"),
        ("localhost", "/alpha/api/health", "backend"),
        ("localhost", "/api/health", "router"),
        ("localhost", "/", "router"),
        ("alpha.localhost", "/.ocr/x", "router"),
    ],
)
async def test_who_answers(host: str, target: str, who: str) -> None:
    """Host first, then path, then the router itself."""
    async with upstream() as backend, through(backend.port) as proxy:
        await proxy.ask(local(proxy, target, CLOSE, host=host))
        assert bool(backend.conversations) is (who == "backend")


@pytest.mark.parametrize("end", ["client", "backend"])
async def test_nothing_is_left(end: str) -> None:
    """Connections, tunnels and tasks that ended are forgotten."""

    async def script(talk: Conversation) -> None:
        if b"Upgrade" not in await talk.head():
            await talk.say(OK)
            return
        await talk.say(SWITCH)
        if end == "client":
            await talk.to_end()

    def left() -> int:
        gc.collect()
        things = gc.get_objects()
        joined = sum(isinstance(thing, Upstream) and thing.holder is not None for thing in things)
        return joined + sum(isinstance(thing, Connection) for thing in things)

    async with upstream(script) as backend, through(backend.port) as proxy:
        tasks, before = len(asyncio.all_tasks()), left()
        for _ in range(10):
            async with proxy.client() as client:
                await client.send(proxy.head("host", "/", "Connection: Upgrade", "Upgrade: x"))
                await client.head()
                if end == "backend":
                    assert await client.rest() == b""
            await proxy.ask(proxy.head("host", "/", CLOSE))
        async with asyncio.timeout(LONG):
            while left() > before or len(asyncio.all_tasks()) > tasks:  # noqa: ASYNC110 - the collector tells nobody
                await asyncio.sleep(0)
