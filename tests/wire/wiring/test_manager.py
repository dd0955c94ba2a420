"""What a service manager hears: by the protocol alone, and from the programs that it starts."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.rig import http
from tests.rig.notified import Notified, notified
from tests.rig.processes import MARK, marked
from tests.rig.program import stand_in
from tests.rig.router import router
from tests.rig.wait import until
from tests.wire.cli.conftest import environment
from tests.wire.wiring.test_sidecar import sidecar

from opencoderouter.wiring.manager import Manager, manager

__all__ = ["environment"]
NAMES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


async def states(*said: str) -> AsyncIterator[str]:
    """Yield these states."""
    for one in said:
        yield one


@pytest.fixture(params=["path", "abstract"])
def heard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Notified]:
    """Return a manager that listens."""
    path = str(tmp_path / "notify")
    with notified(path if request.param == "path" else f"@{path}") as found:
        yield found


async def test_told(heard: Notified) -> None:
    """Each state is told once, and that all is ready; at the end how long that may take."""
    told = Manager(heard.address)
    await told.stand(states("a", "a", "b"))
    told.stopping(grace=10)
    assert heard.until("READY=1") == ["READY=1", "STATUS=a"]
    assert heard.until("READY=1") == ["READY=1", "STATUS=b"]
    assert heard.until("STOPPING=1")[-1] == "EXTEND_TIMEOUT_USEC=40000000"
    assert len(heard.heard) == 3


async def test_the_watchdog_hears_of_a_loop_that_runs(heard: Notified) -> None:
    """It is told at half of its time; a loop that is blocked tells nothing."""
    async with asyncio.TaskGroup() as group:
        beat = group.create_task(Manager(heard.address, watchdog=0.1).beat(), name="beat")
        for _ in range(3):
            await asyncio.to_thread(heard.until, "WATCHDOG=1", within=10)
        assert heard.silent("WATCHDOG=1", 0.5)  # this blocks the loop
        await asyncio.to_thread(heard.until, "WATCHDOG=1", within=10)
        beat.cancel()


async def test_nobody_to_tell(tmp_path: Path) -> None:
    """Without a manager, or with one that is gone, or deaf, nothing is held up."""
    for nobody in (Manager(), manager({}), manager({"NOTIFY_SOCKET": "vsock:2:1234"})):
        await nobody.stand(states("a"))
        await nobody.beat()
        nobody.stopping()
    gone = Manager(str(tmp_path / "gone"), watchdog=1)
    assert not gone.tell("READY=1")
    gone.stopping()
    with notified(str(tmp_path / "deaf")) as deaf:
        told = Manager(deaf.address)
        assert any(not told.tell("STATUS=a") for _ in range(10_000))


async def test_what_could_not_be_told_is_told_later(tmp_path: Path) -> None:
    """That all is ready reaches a manager that listens late."""
    address = str(tmp_path / "late")
    async with asyncio.TaskGroup() as group:
        group.create_task(Manager(address).stand(states("a")), name="stand")
        await asyncio.sleep(0)
        with notified(address) as late:
            assert await asyncio.to_thread(late.until, "READY=1") == ["READY=1", "STATUS=a"]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "x"}, None),
        ({"WATCHDOG_USEC": "0"}, 0.0),
    ],
)
def test_the_environment(told: dict[str, str], expected: float | None) -> None:
    """It is read as sd_watchdog_enabled(3) says, and nothing is left of it to hand down."""
    variables = {"NOTIFY_SOCKET": "/run/notify", "HOME": "/", **told}
    found = manager(variables)
    assert found._watchdog == expected  # noqa: SLF001 - the rule by itself
    assert variables == {"HOME": "/"}


def test_a_router(environment: dict[str, str], tmp_path: Path) -> None:
    """It is ready when it has looked, tells of projects, of its life and its end; no child can."""
    path = stand_in(tmp_path / "bin")
    for name in ("shop", "blog"):
        (tmp_path / name).mkdir()
    with notified(str(tmp_path / "notify")) as heard:
        environment |= {
            "PATH": f"{path}:{environment['PATH']}",
            "NOTIFY_SOCKET": heard.address,
            "WATCHDOG_USEC": "400000",
            MARK: str(tmp_path),
        }
        with router(
            [tmp_path / "shop", tmp_path / "blog"],
            environment=environment,
            log=tmp_path / "log",
            flags={"--grace": "7s", "--workers": 2},
        ) as up:
            words = f"projects, port {up.port}"  # others may have some on this machine, too
            said = heard.until("STATUS=")
            while not said[1].endswith(words):
                said = heard.until("STATUS=")
            assert said[0] == "READY=1"
            heard.until("WATCHDOG=1")
            children = [one for one in marked(str(tmp_path)) if one.pid != up.process.pid]
            assert len(children) >= 4  # guard, worker, two servers
            for child in children:
                names = Path(f"/proc/{child.pid}/environ").read_bytes()
                assert not [name for name in NAMES if f"{name}=".encode() in names], child
            os.kill(up.process.pid, signal.SIGSTOP)
            assert heard.silent("WATCHDOG=1", 1)
            os.kill(up.process.pid, signal.SIGCONT)
            heard.until("WATCHDOG=1")
            assert up.stop() == 0
            assert "EXTEND_TIMEOUT_USEC=37000000" in heard.until("STOPPING=1")


def test_a_sidecar(environment: dict[str, str], tmp_path: Path) -> None:
    """It is ready when it answers, also without a router, and tells of those that it follows."""
    with notified(str(tmp_path / "notify")) as heard:
        environment |= {"NOTIFY_SOCKET": heard.address, "WATCHDOG_USEC": "400000"}
        with sidecar(1, environment, tmp_path / "dns.log") as (process, port):
            assert "READY=1" in heard.until(f"STATUS=0 projects, DNS at 127.0.0.1:{port}")
            heard.until("WATCHDOG=1")
            process.terminate()
            heard.until("STOPPING=1")
            assert process.wait(30) == 0


def test_a_manager_that_is_gone(environment: dict[str, str], tmp_path: Path) -> None:
    """The router serves as it does without one."""
    environment |= {"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "10000"}
    with router([], environment=environment, log=tmp_path / "log") as up:
        until(lambda: http.get(f"{up.url}/api/health")["healthy"])
        assert up.stop() == 0
