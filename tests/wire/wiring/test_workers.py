"""Workers as processes: they share the port, come back, hear of tables, and end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.fakes import backend
from tests.wire.wiring.owner import LONG, running, runs

from opencoderouter.core.keyring import Keyring
from opencoderouter.proxy.lane.strikes import FREE
from opencoderouter.wiring.workers import pause

either_loop = pytest.mark.parametrize(
    "module", ["tests.wire.wiring.stub", "tests.wire.wiring.plain"]
)


@either_loop
async def test_clients_are_spread_over_the_workers(module: str) -> None:
    """Each of three workers takes a part of sixty clients; the owner has none of them."""
    async with running(3, module=module) as router:
        pids = await router.pids(3)
        heard = [await router.ask("pid") for _ in range(60)]
        assert set(heard) == pids
        assert all(heard.count(pid) > 2 for pid in pids)


async def test_a_worker_has_nothing_but_its_own() -> None:
    """A worker holds the sockets of its own share, and neither the others' nor any other file."""
    async with running(2) as router:
        await router.pids(2)
        inodes = [f"socket:[{os.fstat(one.fileno()).st_ino}]" for (one,) in router.shares]
        first, second = await router.until_both("fds")
        for held in (first, second):
            assert len([one for one in inodes if one in held]) == 1
            rest = [one for one in held if not one.startswith(("socket:", "anon_inode:", "pipe:"))]
            assert sum("/dev/null" in one for one in rest) <= 3
            assert sum("occupancy" in one for one in rest) <= 2


@either_loop
async def test_a_killed_worker_loses_its_own_and_comes_back(module: str) -> None:
    """Only the clients of the one that was killed lose their connection; another follows."""
    async with running(2, module=module) as router, AsyncExitStack() as clients:
        one, other = sorted(await router.pids(2))
        connected = [await clients.enter_async_context(router.client()) for _ in range(30)]
        served = [await client.ask("pid") for client in connected]
        os.kill(one, signal.SIGKILL)
        for client, pid in zip(connected, served, strict=True):
            if pid == other:
                assert await client.ask("pid") == other
            else:
                with pytest.raises(ConnectionError):
                    await client.ask("pid")
        assert other in await router.pids(2)
        alive = await router.until("connections", served.count(other) + 1)
        assert alive[-1] == served.count(other) + 1


async def test_who_waits_for_a_dead_worker_is_served() -> None:
    """Connections that a worker had not taken when it was killed are served by another process."""
    async with running(1) as router:
        (pid,) = await router.pids(1)
        os.kill(pid, signal.SIGSTOP)
        async with router.client() as client:
            client.writer.write(b"pid\n")
            os.kill(pid, signal.SIGKILL)
            assert await client.ask("connections") not in {None, pid}
        assert await router.pids(1) != {pid}


async def test_a_worker_that_hangs_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a worker that does nothing any more is served by another process."""
    monkeypatch.setattr("opencoderouter.wiring.workers._SILENCE", 5.0)
    async with running(1) as router:
        (pid,) = await router.pids(1)
        os.kill(pid, signal.SIGSTOP)
        async with router.client() as client:
            assert await client.ask("connections") not in {None, pid}
        assert await router.pids(1) != {pid}


async def test_who_cannot_be_served_by_a_worker_is_served_by_the_owner(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A worker that does not come up is tried again after a while, told in one line each time."""
    async with running(1, module="tests.wire.wiring.nowhere") as router:
        async with asyncio.timeout(LONG):
            while len(caplog.messages) < 2:
                assert await router.ask("pid") == os.getpid()
        assert await router.ask("pid") == os.getpid()
    assert [line.rpartition(" ")[2] for line in caplog.messages] == ["next=0s", "next=1s"]


def test_pauses() -> None:
    """The first replacement comes at once, each further one later, none later than 30 s."""
    assert [pause(ends) for ends in range(10)] == [0, 0, 1, 2, 4, 8, 16, 30, 30, 30]


async def test_tables_reach_every_worker() -> None:
    """What the registry learns is known to all workers; a new one knows it from its start."""
    async with running(2) as router:
        pids = await router.pids(2)
        for port in range(200):
            router.registry.observe(backend(f"/home/ada/{port % 7}", 30000 + port))
        async with asyncio.timeout(LONG):
            while set(map(str, [await router.ask("version") for _ in range(20)])) != {"200"}:
                pass
        os.kill(min(pids), signal.SIGKILL)
        await router.pids(2)
        assert {str(await router.ask("version")) for _ in range(40)} == {"200"}


async def test_keyrings_reach_every_worker() -> None:
    """What lets people in is the same for all workers; a new one knows the newest from its start.

    Tables arrive as before, whichever of the two has changed.
    """
    async with running(2) as router:
        pids = await router.pids(2)
        assert set(await router.until_both("password")) == {"first"}
        router.entry.keyring = Keyring(password=b"second")
        async with asyncio.timeout(LONG):
            while {await router.ask("password") for _ in range(20)} != {"second"}:
                pass
        router.registry.observe(backend("/home/ada/shop", 30000))
        await router.until("slugs", ["shop"])
        os.kill(min(pids), signal.SIGKILL)
        await router.pids(2)
        assert {await router.ask("password") for _ in range(40)} == {"second"}


async def test_failures_count_in_all_processes() -> None:
    """Who has guessed too often at one worker waits at the others, and at the owner."""
    async with running(2) as router:
        await router.pids(2)
        assert await router.until_both("wait") == [0.0, 0.0]
        async with router.client() as client:
            for _ in range(FREE + 2):
                await client.ask("fail")
        assert await router.until_both("wait") == [2.0, 2.0]
        assert router.entry.strikes.wait("192.0.2.1", 0.0) == 2.0


async def test_what_workers_record(tmp_path: Path) -> None:
    """All write into the same audit log, whole lines."""
    audit = tmp_path / "audit.jsonl"
    async with running(2, audit=audit) as router:
        pids = await router.pids(2)
        await router.until_both("record")
    assert {json.loads(line)["pid"] for line in audit.read_text().splitlines()} == pids


async def test_who_workers_ask() -> None:
    """Each has a door of its own; who is not of this machine is nobody in particular."""
    async with running(2) as router:
        await router.pids(2)
        assert await router.until_both("who") == 2 * [["192.0.2.1", None, False]]


async def test_a_certificate_that_does_not_do(tmp_path: Path) -> None:
    """A worker that cannot read it ends, and the owner serves."""
    nothing = tmp_path / "missing.pem"
    async with running(1, tls=(nothing, nothing)) as router:
        for _ in range(10):
            assert await router.ask("pid") == os.getpid()


@either_loop
async def test_the_application_is_asked_through_a_worker(module: str) -> None:
    """A worker gets a stream to the owner's application, as often as it asks for one."""
    async with running(2, module=module) as router:
        await router.pids(2)
        for _ in range(20):
            assert await router.ask("local") == "the owner hears ?"


@either_loop
async def test_the_end_is_graceful(module: str) -> None:
    """When the router closes nobody comes in any more; who is in may finish; then all end."""
    async with running(2, grace=1000, module=module) as router:
        pids = await router.pids(2)
        async with router.client() as client:
            assert await client.ask("pid") in pids
            router.closing.set()
            async with asyncio.timeout(LONG):
                await router.refused()
            assert await client.ask("pid") in pids
            assert not router.done.is_set()
        async with asyncio.timeout(LONG):
            await router.done.wait()
        assert not any(map(runs, pids))


async def test_who_does_not_end_is_killed() -> None:
    """A worker that hears nothing is gone a moment after the grace."""
    async with running(1, grace=0.1) as router:
        (pid,) = await router.pids(1)
        os.kill(pid, signal.SIGSTOP)
        router.closing.set()
        async with asyncio.timeout(LONG):
            await router.done.wait()
        assert not runs(pid)


async def test_figures_outlive_their_worker() -> None:
    """What a worker has counted stays in the sum when it is killed; what it had open does not."""
    async with running(1) as router:
        (pid,) = await router.pids(1)
        async with router.client() as client:
            assert await client.ask("pid") == pid
            before = await router.figures(lambda figures: figures.connections >= 1)
            os.kill(pid, signal.SIGKILL)
            await router.pids(1)
            after = await router.figures(lambda figures: figures.connections == 0)
        assert after.accepted >= before.accepted > 0


async def test_signals_of_the_terminal_are_not_for_workers() -> None:
    """SIGINT, SIGTERM and SIGHUP leave a worker as it is."""
    async with running(1) as router:
        (pid,) = await router.pids(1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pid, number)
        assert await router.pids(1) == {pid}
        assert os.getpgid(pid) != os.getpgid(0)
