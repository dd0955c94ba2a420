"""Hosts are reached as the preferences and ssh's files say."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.rig.ports import free_port

from opencoderouter.core.fleet.model import HostState, Unreached
from opencoderouter.core.fleet.preferences import Polling, Preferences, Ssh, Transport
from opencoderouter.wiring.reach import Reach

SOON = 20.0  # seconds, on a busy machine


@pytest.fixture
def preferences(tmp_path: Path) -> Preferences:
    """Return preferences of a user with one host, at whose port nobody listens."""
    return Preferences(ssh=Ssh(config=str(written(tmp_path / "config", free_port()))))


def written(path: Path, port: int) -> Path:
    """Write a configuration of ssh."""
    path.write_text(f"Host here\n  HostName 127.0.0.1\n  Port {port}\nHost -x bad\n")
    return path


def spoil(preferences: Preferences) -> None:
    """Make the configuration one that ssh does not take."""
    Path(preferences.ssh.config).write_text("Nonsense\n")


async def test_reached_as_it_was_resolved(preferences: Preferences) -> None:
    """What ssh says is told, and the link goes there; what it does not take is left out."""
    async with Reach(preferences, lambda _: False) as reach:
        found = await reach.resolved(("here", "-x"))
        assert [*found] == ["here"]
        assert found["here"].hostname == "127.0.0.1"
        done = await reach.link("here").run("true", within=SOON)
        assert isinstance(done, Unreached)
        assert (done.state, reach.link("here")) == (HostState.UNREACHABLE, reach.link("here"))


async def test_a_file_that_changes(preferences: Preferences) -> None:
    """From the next look on a host is reached at its new place."""
    async with Reach(preferences, lambda _: False) as reach, asyncio.timeout(SOON):
        await reach.resolved(("here",))
        called = asyncio.Event()

        def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()
            called.set()

        server = await asyncio.start_server(take, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        written(Path(preferences.ssh.config), port)
        assert (await reach.resolved(("here",)))["here"].port == port
        async with server, asyncio.TaskGroup() as group:
            run = group.create_task(reach.link("here").run("true", within=SOON))
            await called.wait()
            run.cancel()


async def test_a_file_that_ssh_does_not_take(preferences: Preferences) -> None:
    """From the next look on no host is reached by it, and what ssh says is the reason."""
    async with Reach(preferences, lambda _: False) as reach:
        await reach.resolved(("here",))
        spoil(preferences)
        assert await reach.resolved(("here",)) == {}
        done = await reach.link("here").run("true", within=SOON)
        assert isinstance(done, Unreached)
        assert done.state is HostState.ERROR
        assert "nonsense" in done.reason.lower()


async def test_before_anything_is_resolved(preferences: Preferences) -> None:
    """A link does not wait for all hosts to be resolved."""
    async with Reach(preferences, lambda _: False) as reach:
        done = await reach.link("here").run("true", within=SOON)
        assert isinstance(done, Unreached)
        assert done.state is HostState.UNREACHABLE


async def test_other_preferences(preferences: Preferences, tmp_path: Path) -> None:
    """Links are new when something changes that they are made of, and only then."""
    async with Reach(preferences, lambda _: False) as reach:
        link = reach.link("here")
        same = replace(preferences, polling=Polling(interval=7.0))
        assert not await reach.follow(same)
        assert reach.link("here") is link
        for other in (
            replace(same, ssh=replace(same.ssh, transport=Transport.OPENSSH)),
            replace(same, polling=Polling(max_parallel=3)),
            replace(same, ssh=Ssh(config=str(written(tmp_path / "other", 9)))),
        ):
            assert await reach.follow(other)
            assert reach.link("here") is not link
            link = reach.link("here")
        assert (await reach.resolved(("here",)))["here"].port == 9
