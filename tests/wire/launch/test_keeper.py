"""The router's end of the guard, with a real guard."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.rig.wait import until as blocking_until
from tests.wire.launch.rig import descriptors, guards, living, nothing, run, until

import opencoderouter
from opencoderouter.launch import tree
from opencoderouter.launch.keeper import Exited, Keeper, NotStarted, Report, Started, Swept, collect

TOOL = "setsid sleep 1000 & sleep 1000"


class Ears:
    """Takes reports down, and does what a launcher does: it sweeps after an end."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Report]] = []
        self.keeper = Keeper(self.take)

    def take(self, server: str, report: Report) -> None:
        """Take a report down."""
        self.heard.append((server, report))
        if isinstance(report, Exited):
            self.keeper.sweep(server)

    def spawn(self, server: str, script: str, directory: Path) -> None:
        """Start a shell script whose output nobody reads."""
        with nothing() as output:
            argv = ["/bin/sh", "-c", script]
            self.keeper.spawn(server, argv, str(directory), output.fileno(), None)

    async def hear(self, server: str, *reports: Report) -> None:
        """Return when these reports, and no others, have come about a server; pids count not."""
        wanted = [(type(report), getattr(report, "code", 0)) for report in reports]
        await until(lambda: self.about(server) == wanted)

    def about(self, server: str) -> list[tuple[type[Report], int]]:
        """Return what was heard about a server."""
        return [(type(r), getattr(r, "code", 0)) for name, r in self.heard if name == server]


@asynccontextmanager
async def keeping() -> AsyncIterator[Ears]:
    """Run a keeper for the time of the block."""
    ears = Ears()
    async with ears.keeper, asyncio.TaskGroup() as tasks:
        service = tasks.create_task(ears.keeper.run())
        yield ears
        service.cancel()


async def test_a_servers_life(tmp_path: Path) -> None:
    """Start, end by a signal, and the sweep are reported, in this order."""
    async with keeping() as ears:
        ears.spawn("k-1", TOOL, tmp_path)
        await until(lambda: len(living(tmp_path)) == 3)
        ears.keeper.signal("k-1", signal.SIGTERM)
        await ears.hear("k-1", Started(0), Exited(-15), Swept())
        assert living(tmp_path) == {}


async def test_no_guard_without_need() -> None:
    """As long as nothing is to be started there is no guard; a signal to nobody starts none."""
    async with keeping() as ears:
        ears.keeper.signal("k-1", signal.SIGTERM)
        ears.keeper.sweep("k-1")
        assert guards(os.getpid()) == []


async def test_end_of_the_block(tmp_path: Path) -> None:
    """After the block there is no guard, no server and no tool."""
    async with asyncio.timeout(8), keeping() as ears:
        for number in range(3):
            ears.spawn(f"k-{number}", TOOL, tmp_path)
        await until(lambda: len(living(tmp_path)) == 9)
    assert living(tmp_path) == {}
    assert guards(os.getpid()) == []


async def test_not_started(tmp_path: Path) -> None:
    """What could not be started is reported, and the guard goes on."""
    async with keeping() as ears:
        with nothing() as output:
            ears.keeper.spawn("k-1", ["no-such-program"], str(tmp_path), output.fileno(), None)
        await until(lambda: ears.heard)
        assert ears.heard == [("k-1", NotStarted(2, "no-such-program"))]


async def test_guard_killed(tmp_path: Path) -> None:
    """With the guard die its servers and tools; each end is reported; the next start works."""
    async with keeping() as ears:
        for number in range(2):
            ears.spawn(f"k-{number}", TOOL, tmp_path)
        await until(lambda: len(living(tmp_path)) == 6)
        os.kill(guards(os.getpid())[0], signal.SIGKILL)
        for number in range(2):
            await ears.hear(f"k-{number}", Started(0), Exited(-9), Swept())
        assert living(tmp_path) == {}
        ears.spawn("k-9", "exit 5", tmp_path)
        await ears.hear("k-9", Started(0), Exited(5), Swept())


async def test_guard_killed_while_sweeping(tmp_path: Path) -> None:
    """A sweep that the guard did not live to finish is finished, and reported."""
    async with keeping() as ears:
        ears.spawn("k-1", TOOL, tmp_path)
        await until(lambda: len(living(tmp_path)) == 3)
        (guard,) = guards(os.getpid())
        os.kill(guard, signal.SIGSTOP)
        ears.keeper.sweep("k-1")
        os.kill(guard, signal.SIGKILL)
        await ears.hear("k-1", Started(0), Swept())
        assert living(tmp_path) == {}


async def test_guard_killed_at_the_end(tmp_path: Path) -> None:
    """A guard that dies in the block's last moment leaves nothing behind either."""
    async with keeping() as ears:
        ears.spawn("k-1", TOOL, tmp_path)
        await until(lambda: len(living(tmp_path)) == 3)
        os.kill(guards(os.getpid())[0], signal.SIGKILL)
    assert living(tmp_path) == {}


async def test_other_children_are_left_alone(tmp_path: Path) -> None:
    """When a guard dies, children of the router that it did not start live on."""
    other = tmp_path / "other"
    other.mkdir()
    with run("sleep 1000 & exec sleep 1000", other) as mine:
        async with keeping() as ears:
            ears.spawn("k-1", TOOL, tmp_path)
            await until(lambda: len(living(tmp_path)) == 3)
            await until(lambda: len(living(other)) == 2)
            os.kill(guards(os.getpid())[0], signal.SIGKILL)
            await ears.hear("k-1", Started(0), Exited(-9), Swept())
            assert len(living(other)) == 2
        assert len(living(other)) == 2
        os.killpg(mine.pid, signal.SIGKILL)


async def test_neighbours_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed beside this package is not taken for the standard library."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "opencoderouter").symlink_to(Path(opencoderouter.__file__).parent)
    (packages / "json.py").write_text("raise SystemExit")
    monkeypatch.setattr("opencoderouter.launch.keeper._PACKAGES", str(packages))
    async with keeping() as ears:
        ears.spawn("k-1", "exit 5", tmp_path)
        await ears.hear("k-1", Started(0), Exited(5), Swept())


def test_nobody_to_collect() -> None:
    """As long as no child is dead, the process table is not read."""
    program = """if True:
        import subprocess
        from opencoderouter.launch import keeper
        keeper.tree.read_tree = None
        assert keeper.collect(frozenset()) == frozenset()
        with subprocess.Popen(["sleep", "1000"]) as child:
            assert keeper.collect(frozenset({(child.pid, 1)})) == frozenset()
            child.kill()
    """
    subprocess.run([sys.executable, "-c", program], check=True)


async def test_strays_are_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead orphan that came to the router is reaped."""
    monkeypatch.setattr("opencoderouter.launch.keeper._STRAYS", 0.05)
    async with keeping():
        with run("setsid sh -c 'echo $$ > stray; sleep 0.05' & exit", tmp_path) as parent:
            assert parent.wait() == 0
        await until(lambda: (tmp_path / "stray").exists() and (tmp_path / "stray").read_text())
        stray = int((tmp_path / "stray").read_text())
        await until(lambda: stray not in tree.read_tree())


def test_the_dead_are_given_time(tmp_path: Path) -> None:
    """A child that has just ended is left to whoever started it."""
    with run("exit 4", tmp_path) as child:
        blocking_until(lambda: tree.read_tree()[child.pid].zombie)
        assert child.pid in {pid for pid, _ in collect(frozenset())}
        assert child.wait() == 4


async def test_the_descriptor_is_nobody_elses(tmp_path: Path) -> None:
    """The router's end of the socket is in no child, else its death would not be seen."""
    async with keeping() as ears:
        ears.spawn("k-1", "sleep 1000", tmp_path)
        await until(lambda: living(tmp_path))
        with run("exec sleep 1000", tmp_path, inherit=True) as other:
            assert [name for name in descriptors(other.pid) if name.startswith("socket:")] == []
            other.kill()
