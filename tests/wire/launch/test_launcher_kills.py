"""Whoever is killed with SIGKILL, nothing of what was started is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.ports import free_range
from tests.rig.wait import until as until_blocking
from tests.wire.launch.rig import (
    folders,
    guards,
    is_alive,
    launching,
    living,
    program,
    settled,
    until,
)


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
        argv,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{root}:{root}/src"},
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
