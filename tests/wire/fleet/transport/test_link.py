"""The connection that is kept; tests/wire/fleet/test_links.py has what users of links see."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.rig.harbour import Harbour, silent

from opencoderouter.core.fleet.model import HostState, Unreached
from opencoderouter.core.fleet.preferences import Polling, Ssh
from opencoderouter.core.fleet.transport import Completed
from opencoderouter.fleet import resolve
from opencoderouter.fleet.links import FleetLinks
from opencoderouter.fleet.resolve import Resolver

pytestmark = pytest.mark.sshd
LONG = 60.0


async def test_another_configuration(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    """When what ssh makes of a host has changed, its connection is made anew."""
    monkeypatch.setattr(resolve, "_GLANCE", 0.0)
    config = harbour.config()
    resolver = Resolver(str(config))
    async with FleetLinks(Ssh(config=str(config)), Polling(), resolver.one) as links:
        link = links.link("devbox")
        first = await link.run("echo $PPID", within=LONG)
        assert first == await link.run("echo $PPID", within=LONG)
        config.write_text(f"Host devbox\n Compression yes\n{config.read_text()}")
        assert first != await link.run("echo $PPID", within=LONG)


async def test_a_jump_host_that_hangs_costs_its_time_once(harbour: Harbour) -> None:
    """All that are behind it get the answer that the first one got, also those who come late."""
    with silent() as mute:
        text = f"Host mute\n Port {mute.port}\n ConnectTimeout 1\nHost far*\n ProxyJump mute\n"
        async with harbour.links(text) as links:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(links.link(f"far{one}").run("true", within=LONG))
                    for one in range(5)
                ]
            late = await links.link("far9").run("true", within=0.9)
            for done in (*(task.result() for task in tasks), late):
                assert isinstance(done, Unreached)
                assert (done.state, done.blocked_by) == (HostState.BLOCKED, "mute")


async def test_streams_keep_the_connection(harbour: Harbour) -> None:
    """A connection with an open stream is not idle."""
    async with harbour.links(control_persist=0.1) as links:
        link = links.link("devbox")
        first = await link.run("echo $PPID", within=LONG)
        stream = await link.connect(harbour.sshd.port, within=LONG)
        assert not isinstance(stream, Unreached)
        assert isinstance(first, Completed)
        await asyncio.to_thread(Path(f"/proc/{int(first.stdout)}").exists)
        assert (await stream.receive(4)) == b"SSH-"  # type: ignore[union-attr]
        await stream.close()  # type: ignore[union-attr]
