"""The launcher with real processes: a small program takes the place of ``opencode``."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from tests.rig.ports import free_range
from tests.wire.launch.rig import (
    folders,
    guards,
    launching,
    living,
    program,
    settled,
    until,
)

from opencoderouter.core.managed import Managed, Supervisor
from opencoderouter.core.model import Backend, Identity, Kind, Listener, Status
from opencoderouter.kernel.marks import PASSWORD
from opencoderouter.kernel.processes import environment
from opencoderouter.registry import Registry


async def test_start(tmp_path: Path) -> None:
    """Each project gets a server in its directory on a port of its own in the range."""
    one, two = folders(tmp_path, "one", "two")
    ports, registry = free_range(), Registry()
    supervisor: Supervisor
    async with launching(
        one,
        two,
        one / "../one",
        command=program(),
        ports=ports,
        reserved=frozenset({ports[1]}),
        registry=registry,
    ) as supervisor:
        first, second = await settled(supervisor, one, two)
        assert {first.port, second.port} == {ports[0], ports[2]}
        assert first.restarts == second.restarts == 0
        assert set(living(one)) == {first.pid}
        assert set(living(two)) == {second.pid}
        assert "serve --hostname 127.0.0.1 --port" in living(one)[first.pid or 0]
        assert supervisor.log(str(one)) == ("hello",)
        assert set(registry.table.leases) == {str(one), str(two)}
    assert living(one) == living(two) == {}
    assert guards(os.getpid()) == []
    assert (one / "told").read_text() == "/global/dispose\n"


async def test_stop_is_gentle_and_thorough(tmp_path: Path) -> None:
    """A stop disposes first, and kills every tool; the project stays listed."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=program("tool", "bare", "forgotten")) as launcher:
        await settled(launcher, home)
        await until(lambda: len(living(home)) == 6)
        await launcher.stop(str(home))
        assert living(home) == {}
        assert (home / "told").read_text() == "/global/dispose\n"
        assert launcher.managed == {str(home): Managed(str(home), Status.STOPPED)}
        await launcher.stop(str(home))
        await launcher.start(str(home))
        await settled(launcher, home)


async def test_password(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each start has a password of its own; neither log nor API nor arguments tell it."""
    caplog.set_level(logging.DEBUG)
    one, two = folders(tmp_path, "one", "two")
    seen = list[str]()
    async with launching(one, two, command=program()) as launcher:
        for _ in range(2):
            for managed in await settled(launcher, one, two):
                assert managed.pid is not None
                secret = environment(managed.pid, [PASSWORD])[PASSWORD]
                told = repr(launcher.managed) + str(living(one)) + str(launcher.log(str(one)))
                assert secret not in told + caplog.text
                seen.append(secret)
            await launcher.restart(str(one))
            await launcher.restart(str(two))
        assert len(set(seen)) == 4


async def test_without_the_kernel(tmp_path: Path) -> None:
    """Where nobody could find a password again there is none, not the router's either."""
    (home,) = folders(tmp_path, "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PASSWORD, "of the router")
        async with launching(home, command=program(), listeners=None) as launcher:
            (managed,) = await settled(launcher, home)
            assert managed.pid is not None
            assert environment(managed.pid, [PASSWORD]) == {}


async def test_stop_leaves_the_others_tools(tmp_path: Path) -> None:
    """A stop of one project touches no process of another."""
    one, two = folders(tmp_path, "one", "two")
    async with launching(one, two, command=program("tool", "forgotten")) as launcher:
        await settled(launcher, one, two)
        await until(lambda: len(living(two)) == 4)
        before = set(living(two))
        await launcher.stop(str(one))
        assert living(one) == {}
        assert set(living(two)) == before


async def test_stop_of_a_stubborn_server(tmp_path: Path) -> None:
    """Who ignores SIGTERM is killed after the grace."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=program("deaf", "tool")) as launcher:
        await settled(launcher, home)
        await launcher.stop(str(home))
        assert living(home) == {}


async def test_stop_while_starting(tmp_path: Path) -> None:
    """A stop before the first answer ends process and tools, and no other follows."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=program("mute", "bare")) as launcher:
        await until(lambda: len(living(home)) == 3)
        await launcher.stop(str(home))
        assert living(home) == {}
        assert launcher.managed[str(home)].status is Status.STOPPED


async def test_restart(tmp_path: Path) -> None:
    """A restart replaces the process, and keeps the port."""
    (home,) = folders(tmp_path, "home")
    ports = free_range()
    first = socket.create_server(("127.0.0.1", ports[0]))
    async with launching(home, command=program("tool"), ports=ports) as launcher:
        (old,) = await settled(launcher, home)
        first.close()
        await launcher.restart(str(home))
        await until(lambda: launcher.managed[str(home)].pid not in {None, old.pid})
        (new,) = await settled(launcher, home)
        assert new.port == old.port == ports[1]
        assert old.pid not in living(home)
        assert len(living(home)) == 3
        assert new.restarts == 0  # it did not end by itself


async def test_waits_for_discovery(tmp_path: Path) -> None:
    """Nothing starts before it is known who is served already; names are given at once."""
    (home,) = folders(tmp_path, "home")
    ready, registry = asyncio.Event(), Registry()
    async with launching(home, command=program(), registry=registry, ready=ready) as launcher:
        assert launcher.managed == {str(home): Managed(str(home), Status.STARTING)}
        assert registry.table.leases == {str(home): "home"}
        assert guards(os.getpid()) == []
        ready.set()
        await settled(launcher, home)


async def test_nothing_starts_at_the_end(tmp_path: Path) -> None:
    """A start that is asked for when the launcher has ended does nothing."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=program()) as launcher:
        await settled(launcher, home)
    await launcher.start(str(home))
    assert guards(os.getpid()) == []
    assert living(home) == {}


async def test_unknown_directory(tmp_path: Path) -> None:
    """What is not managed can be neither started nor stopped nor read."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=program()) as launcher:
        for verb in (launcher.start, launcher.stop, launcher.restart):
            with pytest.raises(KeyError):
                await verb(str(tmp_path))
        with pytest.raises(KeyError):
            launcher.log(str(tmp_path))


async def test_two_at_once(tmp_path: Path) -> None:
    """However many there are, two start at a time."""
    homes = folders(tmp_path, *"abcde")
    async with launching(*homes, command=program("mute")) as launcher:
        await until(lambda: sum(m.pid is not None for m in launcher.managed.values()) == 2)
        running = [home for home in homes if living(home)]
        assert len(running) == 2
        assert {m.status for m in launcher.managed.values()} == {Status.STARTING}
        await launcher.stop(str(running[0]))
        await until(lambda: sum(map(bool, map(living, homes))) == 2)


async def test_already_served(tmp_path: Path) -> None:
    """A directory that somebody serves is left to them, until they go; an editor's counts not."""
    served, edited = folders(tmp_path, "served", "edited")
    registry = Registry()
    other = Listener("127.0.0.1", 4096, pid=1, kind=Kind.SERVE)
    editor = Listener("127.0.0.1", 4097, pid=1, kind=Kind.ACP)
    for listener, home in ((other, served), (editor, edited)):
        registry.observe(Backend(listener, Identity(str(home), "1"), Status.READY))
    async with launching(served, edited, command=program(), registry=registry) as launcher:
        await settled(launcher, edited)
        reason = "already served by process 1 on port 4096"
        assert launcher.managed[str(served)] == Managed(str(served), Status.STOPPED, reason=reason)
        assert living(served) == {}
        registry.forget(other)
        await settled(launcher, served)
        assert launcher.managed[str(served)].reason == ""


async def test_stop_before_its_turn(tmp_path: Path) -> None:
    """A project that is stopped while it waits does not start later."""
    one, two = folders(tmp_path, "one", "two")
    ready = asyncio.Event()
    async with launching(one, two, command=program(), ready=ready) as launcher:
        await launcher.stop(str(one))
        ready.set()
        await settled(launcher, two)
        assert launcher.managed[str(one)] == Managed(str(one), Status.STOPPED)
        assert living(one) == {}


async def test_somebody_takes_over(tmp_path: Path) -> None:
    """Who starts a server by hand where ours was stopped has the project; it stays stopped."""
    (home,) = folders(tmp_path, "home")
    registry, stopped = Registry(), Managed(str(home), Status.STOPPED)
    other = Listener("127.0.0.1", 4096, inode=1, pid=1, kind=Kind.SERVE)
    async with launching(home, command=program(), registry=registry) as launcher:
        await settled(launcher, home)
        await launcher.stop(str(home))
        assert launcher.managed[str(home)] == stopped
        registry.observe(Backend(other, Identity(str(home), "1"), Status.READY))
        theirs = replace(stopped, reason="already served by process 1 on port 4096")
        await until(lambda: launcher.managed[str(home)] == theirs)
        for verb in (launcher.start, launcher.restart, launcher.stop):
            await verb(str(home))
            assert launcher.managed[str(home)] == theirs
        registry.forget(other)
        await until(lambda: launcher.managed[str(home)] == stopped)
        assert living(home) == {}


async def test_not_a_directory(tmp_path: Path) -> None:
    """A project that is no directory is refused before anything starts."""
    (home,) = folders(tmp_path, "home")
    with pytest.raises(ExceptionGroup) as failure:
        async with launching(home, tmp_path / "nothing", command=program()):
            await asyncio.Event().wait()
    assert str(failure.value.exceptions[0]).endswith("nothing: there is no such directory")
    assert living(home) == {}


async def test_much_output(tmp_path: Path) -> None:
    """Output never holds the server up, and the last 200 lines of it are kept."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=program("noisy")) as launcher:
        await settled(launcher, home)
        log = launcher.log(str(home))
        assert len(log) == 200
        assert log[-1] == "done"
        assert log[-2].startswith("019999 xxx")


async def test_cancelled_while_stopping(tmp_path: Path) -> None:
    """A run that ends amid a restart ends that, too: nothing starts again."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=program("deaf", "tool")) as launcher:
        await settled(launcher, home)
        async with asyncio.TaskGroup() as tasks:
            restart = tasks.create_task(launcher.restart(str(home)))
            await until((home / "told").exists)
            restart.cancel()
    assert living(home) == {}
