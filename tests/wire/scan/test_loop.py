"""Discovery by the kernel's word: servers come, go, are slow, locked, broken, or not OpenCode."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from os import getpid
from pathlib import Path

import pytest
from tests.fakes import SECURE_AREA, Reply, Server, as_json, http, opencode, serving
from tests.rig.ports import free_range
from tests.wire.scan.scanning import Watched, scanning

from opencoderouter.core.model import Identity, Kind, Listener, Sessions, Status
from opencoderouter.scan.census import Candidate, Census

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel of Linux")

HASTY = 0.2
APP = "/srv/app"


@pytest.fixture
def ports() -> range:
    """Return ports that nobody uses."""
    return free_range()


def page(status: int = 200) -> Reply:
    """Answer everything with HTML."""
    return lambda _: http(status, "<!doctype html>", content_type="text/html")


async def test_first_pass(ports: range) -> None:
    """What ran before is there in one change, by names that do not depend on who answers first."""
    async with AsyncExitStack() as stack:
        for port, directory, silent in (
            (ports[0], "/srv/deep/app", 0),
            (ports[1], "/srv/app", 3),
            (ports[2], "/srv/web", 1),
        ):
            server = serving(opencode(directory), silent=silent, port=port)
            await stack.enter_async_context(server)
        scan = await stack.enter_async_context(scanning(ports, interval=9))
        names = {slug: project.directory for slug, project in scan.table.projects.items()}
        assert names == {"app": "/srv/app", "deep-app": "/srv/deep/app", "web": "/srv/web"}
        assert scan.table.version == 1


async def test_nothing_there(ports: range) -> None:
    """Nothing found is an end of the first pass, too."""
    async with scanning(ports) as scan:
        assert scan.table.version == 0


async def test_backend(ports: range) -> None:
    """A backend is known by socket, process, directory and version."""
    before = datetime.now(UTC)
    async with serving(opencode(APP), port=ports[0]), scanning(ports) as scan:
        found = await scan.backend(ports[0])
        assert (found.identity, found.status) == (Identity(APP, "1.18.33"), Status.READY)
        listener = found.listener
        assert (listener.address, listener.port, listener.pid) == ("127.0.0.1", ports[0], getpid())
        assert listener.kind is Kind.SERVE
        assert listener.inode
        assert before <= scan.scanner.last_seen(found) <= datetime.now(UTC)


async def test_comes_and_goes(ports: range) -> None:
    """A server is there when it listens, gone for good when it does not; another may follow."""
    async with scanning(ports, interval=0.01) as scan:
        async with serving(opencode(APP), port=ports[0]):
            first = await scan.backend(ports[0])
        await scan.gone(ports[0])
        async with serving(opencode("/srv/other"), port=ports[0]) as server:
            second = await scan.backend(ports[0])
            await server.was_asked(20)
            assert list(scan.table.projects) == ["other"]
        assert second.identity.directory == "/srv/other"
        assert second.listener.inode != first.listener.inode


async def test_port_changes_hands_unseen(ports: range) -> None:
    """A server that took over a port between two looks is not taken for the one before."""
    watched = Watched(set(ports))
    async with scanning(ports, listeners=watched, interval=9) as scan:
        async with serving(opencode(APP), port=ports[0]):
            await scan.backend(ports[0])
            watched.refusing = 1 << 30
        async with serving(opencode("/srv/other"), port=ports[0]):
            watched.refusing = 0
            table = await scan.until(lambda table: "other" in table.projects)
            assert list(table.projects) == ["other"]


async def test_silent_while_starting(ports: range) -> None:
    """Connections that are accepted and never answered do not keep a server out."""
    async with (
        scanning(ports, interval=9) as scan,
        serving(opencode(APP), silent=6, port=ports[0]) as server,
    ):
        await scan.backend(ports[0])
        assert server.connections >= 7


async def test_answers_late(ports: range) -> None:
    """A server that outlasts a whole question is asked again."""
    async with (
        scanning(ports, interval=9, patience=HASTY) as scan,
        serving(lambda _: None, port=ports[0]) as server,
    ):
        await server.was_asked(8)  # more than in one question
        assert [x.status for x in scan.table.backends()] == [Status.STARTING]
        server.reply = opencode(APP)
        await scan.backend(ports[0])


async def test_busy(ports: range) -> None:
    """A server that is too slow stays, busy, and is ready again when it answers."""
    async with (
        serving(opencode(APP), port=ports[0]) as server,
        scanning(ports, patience=HASTY) as scan,
    ):
        ready = await scan.backend(ports[0])
        for reply in (lambda _: None, page(), page(503)):
            server.reply = reply
            busy = await scan.backend(ports[0], lambda x: x.status is Status.BUSY)
            assert busy.identity == ready.identity
            seen = scan.scanner.last_seen(busy)
            server.reply = opencode(APP)
            await scan.backend(ports[0], lambda x: x.status is Status.READY)
            assert scan.scanner.last_seen(busy) > seen


async def test_locked(ports: range) -> None:
    """A locked server is listed under its process's directory; once it opens, under its own."""
    locked = http(401, "", www_authenticate=SECURE_AREA)
    async with serving(lambda _: locked, port=ports[0]) as server, scanning(ports) as scan:
        found = await scan.backend(ports[0])
        assert (found.status, found.identity.directory) == (Status.LOCKED, str(Path.cwd()))
        assert "password" in found.reason
        server.reply = opencode(APP)
        found = await scan.backend(ports[0], lambda x: x.status is Status.READY)
        assert found.identity.directory == APP


async def test_broken(ports: range) -> None:
    """A project that does not load is listed with the reason, until it does."""
    wrong = as_json({"name": "ConfigJsonError", "data": {"message": "line 3: }"}}, 400)
    async with (
        serving(opencode(APP, path=wrong), port=ports[0]) as server,
        scanning(ports) as scan,
    ):
        found = await scan.backend(ports[0])
        assert (found.status, found.reason) == (Status.FAILED, "line 3: }")
        assert found.identity == Identity(str(Path.cwd()), "1.18.33")
        server.reply = opencode(APP)
        found = await scan.backend(ports[0], lambda x: x.status is Status.READY)
        assert (found.identity.directory, found.reason) == (APP, "")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(page(), id="page"),
        pytest.param(page(404), id="not found"),
        pytest.param(lambda _: http(302, "", location="/path"), id="redirect"),
        pytest.param(lambda _: b"SSH-2.0-x\r\n", id="not http"),
        pytest.param(
            lambda _: http(200, b" " * (2 << 20), content_type="application/json"), id="endless"
        ),
    ],
)
async def test_foreign(ports: range, reply: Reply) -> None:
    """What is not OpenCode is asked once, and left alone."""
    async with (
        serving(reply, port=ports[0]) as server,
        scanning(ports, interval=0.01) as scan,
        serving(opencode(APP), port=ports[1]) as other,
    ):
        asked = server.connections
        await other.was_asked(20)
        assert list(scan.table.projects) == ["app"]
        assert server.connections == asked > 0


async def test_own_port(ports: range) -> None:
    """The router never asks itself."""
    own = frozenset({ports[0]})
    async with (
        serving(opencode(APP), port=ports[0]) as server,
        scanning(ports, own_ports=own) as scan,
        serving(opencode("/srv/other"), port=ports[1]),
    ):
        await scan.backend(ports[1])
        assert list(scan.table.projects) == ["other"]
        assert server.connections == 0


async def test_ipv6(ports: range) -> None:
    """A server on ::1 alone is found there."""
    async with serving(opencode(APP), host="::1", port=ports[0]), scanning(ports) as scan:
        found = await scan.backend(ports[0])
        assert found.listener.address == "::1"


async def test_dual_bind(ports: range) -> None:
    """A server on ::1 and 127.0.0.1 is one backend; it stays one when the first socket goes."""
    async with scanning(ports) as scan, AsyncExitStack() as ipv6:
        await ipv6.enter_async_context(serving(opencode(APP), host="::1", port=ports[0]))
        await scan.backend(ports[0])
        async with (
            serving(opencode(APP), port=ports[0]),
            serving(opencode("/srv/other"), port=ports[1]),
        ):
            await scan.backend(ports[1])
            assert [x.listener.address for x in scan.table.backends()] == ["::1", "127.0.0.1"]
            await ipv6.aclose()
            await scan.backend(ports[0], lambda x: x.listener.address == "127.0.0.1")


async def test_two_servers_of_one_directory(ports: range) -> None:
    """The first one keeps the route until it goes; all are listed."""
    async with scanning(ports) as scan, AsyncExitStack() as first:
        await first.enter_async_context(serving(opencode(APP), port=ports[2]))
        await scan.backend(ports[2])
        async with serving(opencode(APP), port=ports[0]), serving(opencode(APP), port=ports[1]):
            table = await scan.until(lambda table: len(table.projects["app"].backends) == 3)
            assert table.projects["app"].route.listener.port == ports[2]
            await first.aclose()
            await scan.gone(ports[2])
            assert scan.table.projects["app"].route.listener.port == ports[0]


async def test_sessions(ports: range) -> None:
    """Sessions are counted, and counted again."""
    async with serving(opencode(APP), port=ports[0]) as server, scanning(ports) as scan:
        await scan.backend(ports[0], lambda x: x.sessions == Sessions(0, 0))
        server.reply = opencode(
            APP, session=as_json([{}, {}]), status=as_json({"ses_a": {"type": "busy"}})
        )
        await scan.backend(ports[0], lambda x: x.sessions == Sessions(2, 1))
        server.reply = opencode(APP, session=http(500, ""))
        await server.was_asked(9)
        assert (await scan.backend(ports[0])).sessions == Sessions(2, 1)


async def test_quiet(ports: range) -> None:
    """A server where nothing happens is asked less and less, until a request goes there."""
    checks = asyncio.Semaphore(0)
    requests = [0]

    def used(directory: str) -> int:
        assert directory == APP
        checks.release()
        return requests[0]

    async def asked(server: Server, times: int) -> int:
        """Return how many of so many checks are made."""
        before = len(server.lines)
        for _ in range(times):
            await checks.acquire()
        return server.lines[before:].count("GET /session/status")

    async with (
        serving(opencode(APP), port=ports[0]) as server,
        scanning(ports, interval=0.01, used=used),
    ):
        assert await asked(server, 12) >= 11
        assert await asked(server, 240) <= 60
        requests[0] = 1
        assert await asked(server, 15) >= 11


async def test_figures(ports: range) -> None:
    """What comes later is timed until it is routed, and so is each look at all listeners."""
    async with serving(opencode("/srv/old"), port=ports[0]), scanning(ports, interval=9) as scan:
        assert sum(scan.scanner.discovery.snapshot().counts) == 0
        before = time.monotonic()
        async with serving(opencode(APP), port=ports[1], silent=2):
            await scan.backend(ports[1], lambda x: x.sessions)
        discovery = scan.scanner.discovery.snapshot()
        assert sum(discovery.counts) == 1
        assert 0 < discovery.total < time.monotonic() - before
        await scan.gone(ports[1])
        assert sum(scan.scanner.scanned.snapshot().counts) == 3


async def test_one_look_misses_it(ports: range) -> None:
    """A socket that one dump left out is not gone."""
    watched = Watched(set(ports))
    async with (
        serving(opencode(APP), port=ports[0]),
        scanning(ports, listeners=watched, interval=9) as scan,
    ):
        await scan.backend(ports[0], lambda x: x.sessions)
        version = scan.table.version
        watched.hidden = {ports[0]}
        await watched.was_asked(5)
        assert scan.table.version == version


async def test_kernel_refuses(ports: range, caplog: pytest.LogCaptureFixture) -> None:
    """While the kernel will not say, what was known stays; the log says so, once."""
    watched = Watched(set(ports))
    async with (
        serving(opencode(APP), port=ports[0]) as server,
        scanning(ports, listeners=watched, interval=9) as scan,
    ):
        await scan.backend(ports[0], lambda x: x.sessions)
        asked = len(server.asked)
        watched.refusing = 5
        async with serving(opencode("/srv/other"), port=ports[1]):
            await scan.backend(ports[1])
            assert watched.refusing == 0
            assert list(scan.table.projects) == ["app", "other"]
        assert len(server.asked) == asked  # it was not found anew
    assert sum(record.levelname == "WARNING" for record in caplog.records) == 1


async def test_unchanged(ports: range, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the kernel says the same, nothing else is done."""
    looked_up: list[int] = []
    real = Census.candidates

    def candidates(self: Census, listeners: frozenset[Listener]) -> frozenset[Candidate]:
        looked_up.append(len(listeners))
        return real(self, listeners)

    monkeypatch.setattr(Census, "candidates", candidates)
    watched = Watched(set(ports))
    async with (
        serving(opencode(APP), port=ports[0]),
        scanning(ports, listeners=watched, interval=9),
    ):
        await watched.was_asked(20)
    assert looked_up == [1]
