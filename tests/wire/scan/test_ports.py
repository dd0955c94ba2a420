"""Discovery without the kernel's help, where it is allowed at all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from tests.fakes import as_json, http, opencode, serving
from tests.rig.ports import free_range

from opencoderouter.core.model import Status
from opencoderouter.opencode.client import Client
from opencoderouter.registry import Registry
from opencoderouter.scan.loop import Scanner, ScanPolicy
from opencoderouter.scan.ports import PortScan
from opencoderouter.scan.prober import Prober

INTERVAL = 5.0
STALE = 30.0
APP = "/srv/app"


class Rounds:
    """A scan whose rounds and clock the test turns by hand."""

    def __init__(self, client: Client, ports: range) -> None:
        self.registry, self.now = Registry(), 0.0
        prober = Prober(self.registry, client, interval=INTERVAL)
        self.scan = PortScan(
            prober, lambda: ports, lambda: self.now, concurrency=3, stale_after=STALE
        )

    async def round(self, later: float = INTERVAL) -> dict[int, tuple[str, Status]]:
        """Return directory and status by port after another round, so much later."""
        self.now += later
        await self.scan.round()
        backends = self.registry.table.backends()
        return {b.listener.port: (b.identity.directory, b.status) for b in backends}


@pytest.fixture
def ports() -> range:
    """Return ports that nobody uses."""
    return free_range()


@pytest.fixture
async def rounds(ports: range) -> AsyncIterator[Rounds]:
    """Return a scan of these ports."""
    async with Client(timeout=0.3) as client:
        yield Rounds(client, ports)


async def test_round(rounds: Rounds, ports: range) -> None:
    """Every server of the range is found at once; one that refuses is gone at the next round."""
    async with AsyncExitStack() as stack:
        for number in (0, 9, 19):
            server = serving(opencode(f"/srv/{number}"), port=ports[number])
            await stack.enter_async_context(server)
        found = await rounds.round()
        assert found == {ports[n]: (f"/srv/{n}", Status.READY) for n in (0, 9, 19)}
        assert rounds.registry.table.version == 1
    assert await rounds.round() == {}


async def test_stale(rounds: Rounds, ports: range) -> None:
    """One that accepts but does not answer is busy, and after a while gone."""
    async with serving(opencode(APP), port=ports[0]) as server:
        await rounds.round()
        server.reply = lambda _: None
        assert await rounds.round(STALE) == {ports[0]: (APP, Status.BUSY)}
        assert await rounds.round(1) == {ports[0]: (APP, Status.BUSY)}
        assert await rounds.round(INTERVAL) == {}
        server.reply = opencode(APP)
        assert await rounds.round() == {ports[0]: (APP, Status.READY)}


async def test_another_server_on_the_port(rounds: Rounds, ports: range) -> None:
    """Without inodes a port's server is asked who it is each time."""
    async with serving(opencode(APP), port=ports[0]) as server:
        await rounds.round()
        server.reply = opencode("/srv/other")
        assert await rounds.round() == {ports[0]: ("/srv/other", Status.READY)}
        assert list(rounds.registry.table.projects) == ["other"]
        server.reply = lambda _: http(404, "")
        assert await rounds.round() == {}


async def test_foreign(rounds: Rounds, ports: range) -> None:
    """What is something else is not asked in every round."""
    async with serving(lambda _: as_json({}), port=ports[0]) as server:
        await rounds.round()
        asked = len(server.lines)
        for _ in range(5):
            await rounds.round()
        assert len(server.lines) == asked > 0
        await rounds.round()
        assert len(server.lines) > asked


@asynccontextmanager
async def scanner(
    ports: range,
    *,
    own: frozenset[int] = frozenset(),
    adopt_unowned: bool,
    started: tuple[int, ...] = (),
) -> AsyncIterator[Registry]:
    """Run a scanner on a machine whose kernel cannot be asked, until its first pass is over."""
    policy = ScanPolicy(ports, 0.05, 5, STALE, adopt_unowned=adopt_unowned)
    registry = Registry()
    async with Client(timeout=20) as client, asyncio.TaskGroup() as group:
        scanner = Scanner(
            registry,
            client,
            policy,
            uid=1,
            listeners=None,
            own_ports=own,
            clock=lambda: 0.0,
            started=lambda: started,
        )
        service = group.create_task(scanner.run(), name="scan")
        async with asyncio.timeout(20):
            await scanner.ready.wait()
        yield registry
        service.cancel()


async def test_nothing_without_proof(ports: range, caplog: pytest.LogCaptureFixture) -> None:
    """Whose a server is cannot be known: none is taken in, and the log says what to do."""
    with caplog.at_level(logging.WARNING):
        async with (
            serving(opencode(APP), port=ports[0]) as server,
            scanner(ports, adopt_unowned=False) as registry,
        ):
            assert not list(registry.table.backends())
            assert server.connections == 0
    assert [record for record in caplog.messages if "--adopt-unowned" in record]


async def test_adopts_what_the_router_started(ports: range) -> None:
    """A server on a port that the router itself gave is the user's; its neighbour is not asked."""
    async with (
        serving(opencode("/srv/stranger"), port=ports[0]) as stranger,
        serving(opencode(APP), port=ports[1]),
        scanner(ports, adopt_unowned=False, started=(ports[1],)) as registry,
    ):
        assert list(registry.table.projects) == ["app"]
        assert stranger.connections == 0


async def test_adopts_when_told(ports: range) -> None:
    """Where it is allowed, servers are found when they come, and the own port is left out."""
    own = frozenset({ports[0]})
    async with (
        serving(opencode("/srv/own"), port=ports[0]) as router,
        serving(opencode(APP), port=ports[1]),
        scanner(ports, own=own, adopt_unowned=True) as registry,
    ):
        assert list(registry.table.projects) == ["app"]
        async with serving(opencode("/srv/later"), port=ports[2]), asyncio.timeout(20):
            async for table in registry.follow():
                if "later" in table.projects:
                    break
        async with asyncio.timeout(20):
            async for table in registry.follow():
                if "later" not in table.projects:
                    break
        assert router.connections == 0
