"""Server-sent events over a real connection: snapshots, changes, replay, and how streams end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import jsonschema_rs
import pytest
from tests.fakes import backend
from tests.wire.proxy.own import Router, managing

from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Sessions, Status
from opencoderouter.proxy.events import Pace
from opencoderouter.proxy.schemas import SCHEMAS

APP, WEB = backend("/srv/app", 30001), backend("/srv/web", 30002)
LAST_CHUNK = b"0\r\n\r\n"  # RFC 9112 section 7.1
HANG = 20  # seconds, that only a hang reaches


class Stream:
    """What a client reads of ``/api/events``."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def block(self) -> str:
        """Return the text up to the next empty line, nothing at the end of the stream."""
        async with asyncio.timeout(HANG):
            return (await self._answer.content.readuntil(b"\n\n")).decode().strip()

    async def event(self) -> tuple[str, str, Any]:
        """Return id, name and data of the next event."""
        lines = (await self.block()).splitlines()
        fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
        return fields.get("id", ""), fields["event"], json.loads(fields["data"])


@asynccontextmanager
async def listening(router: Router, **headers: str) -> AsyncIterator[Stream]:
    """Open a stream; what comes first on every stream has been read."""
    async with (
        aiohttp.ClientSession(router.url) as client,
        client.get("/api/events", headers=headers) as answer,
    ):
        assert answer.content_type == "text/event-stream"
        stream = Stream(answer)
        assert await stream.block() == "retry: 1000"
        yield stream


def slugs(rows: list[dict[str, Any]]) -> list[str]:
    """Return the slugs of rows."""
    return [row["slug"] for row in rows]


async def test_snapshot_then_changes() -> None:
    """A new client is told everything once, and then only what changes."""
    router = managing(Managed("/srv/mine", Status.STARTING))
    router.registry.observe(APP)
    async with router.serving(), listening(router) as stream:
        number, name, said = await stream.event()
        assert (number, name, slugs(said["backends"])) == ("boot-0", "snapshot", ["app", "mine"])
        assert said["router"]["backends"] == 2
        assert said["router"]["username"] == "ada"
        assert said["now"].endswith("Z")
        router.registry.observe(WEB)
        number, name, said = await stream.event()
        assert (number, name, slugs(said["changed"])) == ("boot-1", "change", ["web"])
        router.registry.forget(APP.listener)
        assert await stream.event() == ("boot-2", "change", {"changed": [], "removed": ["app"]})
        router.supervisor.become("/srv/mine", Status.FAILED, "exit 1")
        number, _, said = await stream.event()
        assert (number, said["changed"][0]["reason"]) == ("boot-3", "exit 1")


async def test_links_fit_each_listener() -> None:
    """Each listener gets links for the address that it came by."""
    router = Router()
    router.registry.observe(APP)
    async with router.serving(), listening(router, Host="devbox:7") as stream:
        _, _, said = await stream.event()
        assert said["backends"][0]["url"] == "http://devbox:7/app/"
        assert said["backends"][0]["host_url"] == "http://app-ada.local:7/"


async def test_replay() -> None:
    """A client that comes back gets what it missed, one event a version, and no snapshot."""
    router = Router()
    async with router.serving():
        async with listening(router) as stream:
            last, _, _ = await stream.event()
            for total in (1, 2):
                router.registry.observe(backend("/srv/app", 1, sessions=Sessions(total, 0)))
                await stream.event()
        router.registry.observe(WEB)
        async with listening(router, **{"Last-Event-ID": last}) as stream:
            events = [await stream.event() for _ in range(3)]
    assert [number for number, _, _ in events] == ["boot-1", "boot-2", "boot-3"]
    assert [slugs(said["changed"]) for _, _, said in events] == [["app"], ["app"], ["web"]]


@pytest.mark.parametrize("last", ["other-0", "boot-7", "boot-", "nonsense"])
async def test_unknown_id(last: str) -> None:
    """An id of another run, or none at all, gets a snapshot."""
    router = Router()
    async with router.serving(), listening(router, **{"Last-Event-ID": last}) as stream:
        number, name, _ = await stream.event()
        assert (number, name) == ("boot-0", "snapshot")


async def test_nothing_missed() -> None:
    """A client that missed nothing is told nothing until something changes."""
    router = Router()
    async with router.serving(), listening(router, **{"Last-Event-ID": "boot-0"}) as stream:
        router.registry.observe(APP)
        number, name, _ = await stream.event()
        assert (number, name) == ("boot-1", "change")


async def test_heartbeat() -> None:
    """In silence a comment comes, and when each server was last seen; neither has a number."""
    router = Router(pace=Pace(heartbeat=0.01))
    router.registry.observe(APP)
    async with router.serving(), listening(router) as stream:
        await stream.event()
        assert (await stream.block()).startswith(": alive\nevent: seen\n")
        assert await stream.event() == (
            "",
            "seen",
            {"now": "2026-01-02T03:05:00.000Z", "last_seen": {"app": "2026-01-02T03:04:05.000Z"}},
        )


async def test_events_are_as_described() -> None:
    """Every event has the shape that the API's document promises."""
    router = Router(pace=Pace(heartbeat=0.01))
    router.registry.observe(APP)
    async with router.serving(), listening(router) as stream:
        seen = [(await stream.event())[1:]]
        router.registry.observe(WEB)
        router.registry.forget(APP.listener)
        while {name for name, _ in seen} != {"snapshot", "change", "seen"}:
            seen.append((await stream.event())[1:])
    for name, said in seen:
        schema = {"$ref": f"#/components/schemas/{name.capitalize()}"}
        jsonschema_rs.validate({**schema, "components": {"schemas": SCHEMAS}}, said)


async def test_end_with_the_router() -> None:
    """A router that stops ends its streams."""
    router = Router()
    async with router.serving(), listening(router) as stream:
        await stream.event()
        router.closing.set()
        assert await stream.block() == ""


async def test_end_with_the_client() -> None:
    """A stream whose client has gone is not written to any more: its tasks end."""
    router = Router(pace=Pace(heartbeat=0.01))
    async with router.serving():
        async with listening(router) as stream:
            await stream.event()
            tasks = writers()
        assert await ended(tasks)


async def test_client_that_does_not_read() -> None:
    """A client that does not read is let go, without anything piling up for it."""
    router = Router(pace=Pace(heartbeat=0.001, patience=0.2))
    for number in range(300):
        router.registry.observe(backend(f"/srv/{'long' * 20}/{number}", 1 + number))
    async with router.serving():
        reader, writer = await asyncio.open_connection("127.0.0.1", router.port, limit=100)
        writer.write(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        assert await ended(writers())
        rest = b""
        with suppress(ConnectionError):
            rest = await reader.read()
        assert not rest.endswith(LAST_CHUNK)
        writer.transport.abort()


def writers() -> set[asyncio.Task[Any]]:
    """Return the tasks that write events."""
    return {task for task in asyncio.all_tasks() if task.get_name().startswith("events")}


async def ended(tasks: set[asyncio.Task[Any]]) -> bool:
    """Tell whether there were tasks, and all of them end."""
    _, left = await asyncio.wait(tasks, timeout=HANG)
    return not left
