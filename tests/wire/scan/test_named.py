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
            assert (await project(registry, Status.STARTING)).directory == found.directory
            assert "shop" in registry.table.leases.values()
    told = [(r.levelno, r.getMessage()) for r in caplog.records if "name=shop" in r.getMessage()]
    assert [level for level, line in told if "status=ready" in line] == [logging.INFO] * 2
    level, line = told[-1]
    assert (level, line.split()[2]) == (logging.WARNING, "status=unreachable")


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
    """What does not answer as OpenCode is not routed to, and is told for what it is."""
    async with (
        serving(reply) as server,
        following(Named("shop", "127.0.0.1", server.port)) as registry,
    ):
        found = await project(registry, Status.STARTING)
        assert found.route.reason == "what answers there is not OpenCode"


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("no-such-host.invalid", "no-such-host.invalid: "),
        ("127.0.0.1", "nothing listens there (connection refused)"),
        ("a" * 64, f"{'a' * 64}: no host can have this name"),
        ("a..b", "a..b: no host can have this name"),
    ],
)
async def test_nobody_there(host: str, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    """A host that does not exist, or refuses, is listed with the reason, and logged once."""
    port = free_port()
    async with following(Named("shop", host, port, basic("alice", "secret"))) as registry:
        found = await project(registry, Status.STARTING)
        await asyncio.sleep(0.05)  # for a second line, if there were one
    assert found.directory == f"http://{host}:{port}"
    assert found.route.reason.startswith(reason)
    (line,) = [one for one in caplog.messages if "name=shop" in one]
    assert line.startswith(f"backend name=shop status=unreachable reason={reason}")
    assert line.endswith(f" url=http://{host}:{port}")


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
        found = await project(registry, Status.STARTING)
        assert found.route.reason == "it takes connections, but does not answer"


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
