"""The launcher with real processes: a small program takes the place of ``opencode``."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.rig.ports import free_range
from tests.rig.wait import until as until_blocking
from tests.wire.launch.rig import guards, is_alive, launching, living, program, until

from opencoderouter.core.managed import Managed, Supervisor
from opencoderouter.core.model import Backend, Identity, Kind, Listener, Status
from opencoderouter.launch.launcher import Launcher
from opencoderouter.launch.machine import Policy
from opencoderouter.registry import Registry


def folders(tmp_path: Path, *names: str) -> list[Path]:
    """Make directories."""
    for name in names:
        (tmp_path / name).mkdir()
    return [tmp_path / name for name in names]


async def status(launcher: Launcher, directory: Path, wanted: Status) -> Managed:
    """Return the project when it has this status."""
    await until(lambda: launcher.managed[str(directory)].status is wanted)
    return launcher.managed[str(directory)]


async def settled(launcher: Launcher, *directories: Path) -> list[Managed]:
    """Return the projects when all are ready."""
    return [await status(launcher, directory, Status.READY) for directory in directories]


async def test_start(tmp_path: Path) -> None:
    """Each project gets a server in its directory on a port of its own in the range."""
    one, two = folders(tmp_path, "one", "two")
    ports, registry = free_range(), Registry()
    supervisor: Supervisor
    async with launching(
        one, two, one / "../one", command=program(), ports=ports, registry=registry
    ) as supervisor:
        first, second = await settled(supervisor, one, two)
        assert {first.port, second.port} == set(ports[:2])
        assert set(living(one)) == {first.pid}
        assert set(living(two)) == {second.pid}
        assert "serve --hostname 127.0.0.1 --port" in living(one)[first.pid or 0]
        assert supervisor.log(str(one)) == ("hello",)
        assert set(registry.table.leases) == {str(one), str(two)}
    assert living(one) == living(two) == {}
    assert guards(os.getpid()) == []


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


async def test_stop_leaves_the_others_tools(tmp_path: Path) -> None:
    """A stop of one project touches no process of another."""
    one, two = folders(tmp_path, "one", "two")
    async with launching(one, two, command=program("tool", "forgotten")) as launcher:
        await settled(launcher, one, two)
        await until(lambda: len(living(two)) == 4)
        before = living(two)
        await launcher.stop(str(one))
        assert living(one) == {}
        assert living(two) == before


async def test_stop_of_a_stubborn_server(tmp_path: Path) -> None:
    """Who ignores SIGTERM is killed after the grace."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=program("deaf", "tool")) as launcher:
        await settled(launcher, home)
        await launcher.stop(str(home))
        assert living(home) == {}


async def test_stop_while_starting(tmp_path: Path) -> None:
    """A stop before the first answer ends the process, and no other follows."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=program("mute")) as launcher:
        await until(lambda: living(home))
        await launcher.stop(str(home))
        assert living(home) == {}
        assert launcher.managed[str(home)].status is Status.STOPPED


async def test_restart(tmp_path: Path) -> None:
    """A restart replaces the process, and keeps the port."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=program("tool")) as launcher:
        (old,) = await settled(launcher, home)
        await launcher.restart(str(home))
        await until(lambda: launcher.managed[str(home)].pid not in {None, old.pid})
        (new,) = await settled(launcher, home)
        assert new.port == old.port
        assert old.pid not in living(home)
        assert len(living(home)) == 3
        assert new.restarts == 0  # it did not end by itself


async def test_unknown_directory(tmp_path: Path) -> None:
    """What is not managed can be neither started nor stopped nor read."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=program()) as launcher:
        for verb in (launcher.start, launcher.stop, launcher.restart):
            with pytest.raises(KeyError):
                await verb(str(tmp_path))
        with pytest.raises(KeyError):
            launcher.log(str(tmp_path))


async def test_crash(tmp_path: Path) -> None:
    """A server that crashed comes back; its tools do not stay."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=program("tool", "forgotten")) as launcher:
        (old,) = await settled(launcher, home)
        await until(lambda: len(living(home)) == 4)
        before = set(living(home))
        os.kill(old.pid or 0, signal.SIGKILL)
        failed = await status(launcher, home, Status.FAILED)
        assert failed.reason == "opencode was killed by SIGKILL: hello"
        (new,) = await settled(launcher, home)
        assert (new.restarts, new.reason, new.port) == (1, "", old.port)
        assert not before & set(living(home))


async def test_crash_loop(tmp_path: Path) -> None:
    """One that always crashes is tried again and again, with a reason to read between."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=program("crash")) as launcher:
        await until(lambda: launcher.managed[str(home)].restarts >= 3)
        failed = await status(launcher, home, Status.FAILED)
        assert failed.reason == "opencode ended with status 7: boom"
        assert launcher.log(str(home))[:2] == ("hello", "boom")


async def test_port_taken(tmp_path: Path) -> None:
    """One that ended before it answered is tried on another port."""
    (home,) = folders(tmp_path, "home")
    ports = free_range()
    async with launching(home, command=program("crash-once"), ports=ports) as launcher:
        (ready,) = await settled(launcher, home)
        assert (ready.port, ready.restarts) == (ports[1], 1)


async def test_no_free_port(tmp_path: Path) -> None:
    """Without a port a project fails with a reason; the others are not affected."""
    one, two = folders(tmp_path, "one", "two")
    ports = free_range()[:2]
    with socket.create_server(("127.0.0.1", ports[0])):
        async with launching(one, two, command=program(), ports=ports) as launcher:
            await until(
                lambda: (
                    {m.status for m in launcher.managed.values()} == {Status.READY, Status.FAILED}
                )
            )
            (failed,) = (m for m in launcher.managed.values() if m.status is Status.FAILED)
            assert failed.reason.startswith(f"no port from {ports[0]} to {ports[1]} is free")
            (ready,) = (m for m in launcher.managed.values() if m.status is Status.READY)
            await launcher.stop(ready.directory)
            await status(launcher, Path(failed.directory), Status.READY)


async def test_not_installed(tmp_path: Path) -> None:
    """Without the program, the reason says how to install it; a stop is still possible."""
    (home,) = folders(tmp_path, "home")
    async with launching(home, command=("no-such-opencode",)) as launcher:
        await until(lambda: launcher.managed[str(home)].reason)
        failed = await status(launcher, home, Status.FAILED)
        assert failed.reason.startswith("no-such-opencode was not found; install OpenCode")
        await launcher.stop(str(home))
        assert launcher.managed[str(home)].status is Status.STOPPED


async def test_too_slow(tmp_path: Path) -> None:
    """One that does not answer in time is ended and tried again."""
    (home,) = folders(tmp_path, "home")
    policy = Policy(start_timeout=0.3, backoff=(0.05,), grace=0.5)
    async with launching(home, command=program("mute"), policy=policy) as launcher:
        failed = await status(launcher, home, Status.FAILED)
        assert failed.reason == "opencode did not answer within 0.3 seconds"
        await until(lambda: launcher.managed[str(home)].restarts)


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
        await launcher.start(str(served))
        await settled(launcher, served)


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


async def test_guard_killed(tmp_path: Path) -> None:
    """Servers come back after the guard was killed; not one process of before is left."""
    one, two = folders(tmp_path, "one", "two")
    async with launching(one, two, command=program("tool", "forgotten")) as launcher:
        before = await settled(launcher, one, two)
        await until(lambda: len(living(one)) == len(living(two)) == 4)
        old = {**living(one), **living(two)}
        os.kill(guards(os.getpid())[0], signal.SIGKILL)
        await until(lambda: all(m.restarts for m in launcher.managed.values()))
        after = await settled(launcher, one, two)
        assert {m.port for m in after} == {m.port for m in before}
        await until(lambda: len(living(one)) == len(living(two)) == 4)
        assert not old.keys() & {**living(one), **living(two)}.keys()


@contextmanager
def router(*homes: Path, habits: str) -> Iterator[subprocess.Popen[str]]:
    """Run a launcher in a process of its own; its servers are ready when the block begins."""
    script = Path(__file__).with_name("router.py")
    root = Path(__file__).parents[3]
    argv = [sys.executable, str(script), str(free_range()[0]), habits, *map(str, homes)]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(root)}
    ) as process:
        assert process.stdout is not None
        assert "ready\n" in process.stdout
        try:
            yield process
        finally:
            process.kill()


def test_router_killed(tmp_path: Path) -> None:
    """Kill -9 of the router leaves no server, no tool and no guard."""
    homes = folders(tmp_path, "one", "two")
    with router(*homes, habits="tool,bare,forgotten,deaf") as process:
        until_blocking(lambda: sum(len(living(home)) for home in homes) == 12)
        (guard,) = guards(process.pid)
        process.kill()
        until_blocking(lambda: not any(living(home) for home in homes))
        until_blocking(lambda: not is_alive(guard))


def test_router_interrupted(tmp_path: Path) -> None:
    """A Ctrl-C, which only the router gets, ends everything in good order."""
    (home,) = folders(tmp_path, "home")
    with router(home, habits="tool") as process:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        assert living(home) == {}
        assert (home / "told").read_text() == "/global/dispose\n"


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
