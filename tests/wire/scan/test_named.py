"""Servers that the user names, at addresses that answer, change and fall silent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from tests.fakes import SECURE_AREA, Asked, Reply, as_json, http, opencode, serving
from tests.rig.ports import free_port

from opencoderouter.core.basic import basic
from opencoderouter.core.model import Kind, Project, Sessions, Status
from opencoderouter.core.named import Named, reserve
from opencoderouter.core.table import Table
from opencoderouter.opencode.client import Client
from opencoderouter.registry import Registry
from opencoderouter.scan.named import NamedServers

PATIENCE = 20.0


class Clock:
    """Seconds, as the test has them."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@asynccontextmanager
async def following(
    server: Named, clock: Callable[[], float] = float, *, patience: float = PATIENCE
) -> AsyncIterator[Registry]:
    """Follow a server for the time of the block."""
    registry = Registry(reserve({}, [server], limit=63))
    async with Client(timeout=patience) as client, asyncio.TaskGroup() as tasks:
        named = NamedServers(registry, client, [server], interval=0.01, stale_after=30, clock=clock)
        service = tasks.create_task(named.run())
        yield registry
        service.cancel()


async def until(registry: Registry, test: Callable[[Table], object]) -> Table:
    """Return the first table that passes."""
    async with asyncio.timeout(PATIENCE):
        async for table in registry.follow():
            if test(table):
                return table
    raise AssertionError


async def project(registry: Registry, status: Status = Status.READY) -> Project:
    """Return the project ``shop`` when it has this status."""

    def has(table: Table) -> bool:
        return "shop" in table.projects and table.projects["shop"].route.status is status

    return (await until(registry, has)).projects["shop"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_taken_in_while_it_answers(host: str, caplog: pytest.LogCaptureFixture) -> None:
    """It goes by its name, at a numeric address, until it is gone; and again when it is back."""
    caplog.set_level(logging.INFO)
    port = free_port()
    async with following(Named("shop", host, port)) as registry:
        for _ in range(2):
            async with serving(opencode("/srv/app"), port=port):
                found = await project(registry)
                assert found.directory == f"http://{host}:{port}/srv/app"
                assert found.route.listener.key == ("127.0.0.1", port, None)
                assert found.route.listener.kind is Kind.SERVE
                assert found.route.sessions == Sessions(0, 0)
                assert registry.table.serving("/srv/app") is None
            await until(registry, lambda table: not table.projects)
            assert "shop" in registry.table.leases.values()
    lines = [record.getMessage() for record in caplog.records if "name=shop" in record.getMessage()]
    assert [line.split()[2] for line in lines] == ["status=ready", "status=gone"] * 2


def locked(asked: Asked) -> bytes | None:
    """Want a password."""
    if asked.headers.get("authorization") == basic("alice", "secret"):
        return opencode("/srv/app")(asked)
    return http(401, "", www_authenticate=SECURE_AREA)


async def test_credentials(caplog: pytest.LogCaptureFixture) -> None:
    """Those of the URL open the server, are there for the lane, and are in no log."""
    caplog.set_level(logging.DEBUG)
    secret = basic("alice", "secret")
    async with serving(locked) as server:
        async with following(Named("shop", "127.0.0.1", server.port, secret)) as registry:
            found = await project(registry)
            assert found.route.listener.authorization == secret
            assert secret not in repr(registry.table)
        assert all("authorization" in asked.headers for asked in server.asked)
    assert secret not in caplog.text


async def test_locked() -> None:
    """Without credentials it is routed to all the same: clients may have them."""
    async with (
        serving(locked) as server,
        following(Named("shop", "127.0.0.1", server.port)) as registry,
    ):
        found = await project(registry, Status.LOCKED)
        assert found.directory == f"http://127.0.0.1:{server.port}"
        assert "--backend NAME=http://USER:PASSWORD@HOST:PORT" in found.route.reason


async def test_broken() -> None:
    """A server whose project does not load is listed, and why."""
    reply = opencode("/", path=as_json({"data": {"message": "no }"}}, 400))
    async with (
        serving(reply) as server,
        following(Named("shop", "127.0.0.1", server.port)) as registry,
    ):
        assert (await project(registry, Status.FAILED)).route.reason == "no }"


@pytest.mark.parametrize("reply", [lambda _: http(200, "<html>", content_type="text/html")])
async def test_something_else(reply: Reply) -> None:
    """What does not answer as OpenCode is not taken in; no name leads there."""
    async with (
        serving(reply) as server,
        following(Named("shop", "127.0.0.1", server.port)) as registry,
    ):
        async with asyncio.timeout(PATIENCE):
            while len(server.asked) < 3:  # noqa: ASYNC110 - a server sets no event
                await asyncio.sleep(0.01)
        assert not registry.table.projects


async def test_nobody_there() -> None:
    """A host that does not exist, or refuses, is asked again and again, and harms nobody."""
    for host in ("no-such-host.invalid", "127.0.0.1", "a" * 64, "a..b"):
        async with following(Named("shop", host, free_port())) as registry:
            await asyncio.sleep(0.05)
            assert not registry.table.projects


async def test_slow_then_stale() -> None:
    """One that falls silent is busy and keeps its route, for a time."""
    mute, clock = asyncio.Event(), Clock()

    def reply(asked: Asked) -> bytes | None:
        return None if mute.is_set() else opencode("/srv/app")(asked)

    async with (
        serving(reply) as server,
        following(Named("shop", "127.0.0.1", server.port), clock, patience=0.2) as registry,
    ):
        await project(registry)
        mute.set()
        await project(registry, Status.BUSY)
        clock.now = 29
        mute.clear()
        await project(registry)
        mute.set()
        await project(registry, Status.BUSY)
        clock.now = 60
        await until(registry, lambda table: not table.projects)


async def test_it_changes_its_directory() -> None:
    """Restarted elsewhere it goes by the same name."""
    directory = "/srv/one"

    def reply(asked: Asked) -> bytes | None:
        return opencode(directory)(asked)

    async with (
        serving(reply) as server,
        following(Named("shop", "127.0.0.1", server.port)) as registry,
    ):
        assert (await project(registry)).directory.endswith("/srv/one")
        directory = "/srv/two"
        await until(registry, lambda t: t.projects["shop"].directory.endswith("/srv/two"))
        assert list(registry.table.projects) == ["shop"]
