"""The watcher of the hosts is a child: it comes back, it dies with the router, it knows nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.rig import http
from tests.rig.ports import free_port
from tests.rig.processes import MARK, assert_gone, marked
from tests.rig.router import router
from tests.rig.wait import until

from opencoderouter.core.fleet.model import HostState
from opencoderouter.core.fleet.watched import Watched, Watching
from opencoderouter.wiring.fleet import FleetWatcher, command

WEB = {"alias": "web", "label": "web", "state": "online", "sessions": {"total": 2}}
SHOWN = Watched("web", "web", state=HostState.ONLINE, sessions=2)
SOON = 20.0  # seconds, on a busy machine
T = TypeVar("T")


async def soon(probe: Callable[[], T | None]) -> T:
    """Return the first true answer; the block around it has a limit."""
    while not (value := probe()):  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.01)
    return value


class Stage:
    """A watcher that plays what it is given, and what it has noted when it began."""

    def __init__(self, folder: Path, **play: object) -> None:
        self.file = folder / "play.json"
        self.play(**play)
        self.environment = {**os.environ, "RIG_PLAY": str(self.file)}
        own = command("tests.wire.wiring.watching")
        self.watcher = FleetWatcher(own, self.environment, clock=time.monotonic, first=0.01)

    def play(self, **play: object) -> None:
        """Play this from the next begin on."""
        self.file.write_text(json.dumps(play))

    def noted(self) -> list[Mapping[str, Any]]:
        """Return what each that has begun got."""
        return [json.loads(one.read_text()) for one in self.file.parent.glob("play.*[0-9]")]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FleetWatcher]:
        """Run it for the length of a block."""
        async with asyncio.timeout(SOON), asyncio.TaskGroup() as group:
            task = group.create_task(self.watcher.run())
            yield self.watcher
            task.cancel()

    async def becomes(self, status: str, restarts: int = 0) -> Watching:
        """Return how it does as soon as it is so."""
        return await soon(
            lambda: (
                self.watcher.now
                if self.watcher.now.status == status and self.watcher.now.restarts >= restarts
                else None
            )
        )


def is_alive(pid: int | None) -> bool:
    """Tell whether a process runs."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_what_it_says_is_known(tmp_path: Path) -> None:
    """The last line counts; what is no line is left out."""
    lines = [{"hosts": [{"alias": "old"}]}, {"hosts": [WEB]}, "no line"]
    stage = Stage(tmp_path, lines=lines)
    async with stage.running():
        await soon(lambda: stage.watcher.now.hosts == (SHOWN,))
        now = stage.watcher.now
        assert is_alive(now.pid)
        assert (now.status, now.restarts, now.reason) == ("on", 0, "")
    assert not is_alive(now.pid)
    assert [one["argv"] for one in stage.noted()] == [["hosts", "--watch", "--json"]]


async def test_one_that_ends_is_begun_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Why it ended is told, its hosts are kept, and another follows."""
    stage = Stage(tmp_path, lines=[{"hosts": [WEB]}], stderr="ocr: no \x1b[2Jssh\n", code=7)
    async with stage.running():
        failed = await stage.becomes("failed", 2)
        assert (failed.reason, failed.pid, failed.hosts) == ("ocr: no \\x1b[2Jssh", None, (SHOWN,))
        stage.play(lines=[{"hosts": []}])
        now = await stage.becomes("on", 3)
        assert is_alive(now.pid)
    assert "fleet watcher ended reason=ocr: no \\x1b[2Jssh" in caplog.text


async def test_one_that_says_nothing(tmp_path: Path) -> None:
    """Without a word why, its exit code is the reason; until it speaks it is starting."""
    stage = Stage(tmp_path, code=3)
    async with stage.running():
        assert (await stage.becomes("failed")).reason == "it ended with exit code 3"
        stage.play()
        await stage.becomes("starting", 1)
        await soon(lambda: len(stage.noted()) == stage.watcher.now.restarts + 1)
        assert stage.watcher.now.status == "starting"


async def test_one_that_is_killed(tmp_path: Path) -> None:
    """Whatever ends it, another follows."""
    stage = Stage(tmp_path, lines=[{"hosts": []}])
    async with stage.running():
        first = await stage.becomes("on")
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        second = await stage.becomes("on", 1)
        assert second.pid != first.pid


async def test_no_program(tmp_path: Path) -> None:
    """A program that is not there is a failure, too."""
    watcher = FleetWatcher([str(tmp_path / "ocr")], {}, clock=time.monotonic, first=60.0)
    async with asyncio.timeout(SOON), asyncio.TaskGroup() as group:
        task = group.create_task(watcher.run())
        await soon(lambda: watcher.now.status == "failed")
        task.cancel()
    assert "No such file" in watcher.now.reason


async def test_one_that_does_not_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not end when asked to is killed."""
    monkeypatch.setattr("opencoderouter.wiring.fleet._PATIENCE", 0.1)
    stage = Stage(tmp_path, lines=[{"hosts": []}], deaf=True)
    async with stage.running():
        now = await stage.becomes("on")
    assert not is_alive(now.pid)


OUTER = """
import asyncio, os, time
from opencoderouter.wiring.fleet import FleetWatcher, command
own = command("tests.wire.wiring.watching")
asyncio.run(FleetWatcher(own, os.environ, clock=time.monotonic).run())
"""


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    """When the parent is killed the watcher is gone, though it has nothing to say."""
    made = {
        **Stage(tmp_path).environment,
        MARK: "fleet-outer",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    with subprocess.Popen([sys.executable, "-c", OUTER], env=made) as outer:
        until(lambda: list(tmp_path.glob("play.*[0-9]")))
        outer.kill()
    assert_gone("fleet-outer")


def environment(tmp_path: Path, mark: str) -> dict[str, str]:
    """Return the environment of a router whose user has one host, at which nobody listens."""
    (tmp_path / "ssh").write_text(f"Host dead\n  HostName 127.0.0.1\n  Port {free_port()}\n")
    (tmp_path / ".opencode").mkdir()
    preferences = f"hosts: {{local: false}}\nssh: {{config: {tmp_path}/ssh}}\n"
    (tmp_path / ".opencode/remote-tui.yaml").write_text(preferences)
    return {
        **os.environ,
        MARK: mark,
        "HOME": str(tmp_path),
        "OCR_STATE_DIR": str(tmp_path / "state"),
        "OCR_PASSWORD": "of the router",
        "OCR_TOKEN": "of a command",
        "OCR_FLEET": "true",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "XDG_STATE_HOME": str(tmp_path / "xdg"),
    }


def watchers(mark: str) -> list[int]:
    """Return the watchers that run."""
    return [one.pid for one in marked(mark, "hosts --watch --json")]


def test_a_router_with_hosts(tmp_path: Path) -> None:
    """The real `ocr` tells the router of its hosts; the password does not go there."""
    made = environment(tmp_path, "fleet-hosts")
    log = tmp_path / "log"
    with router([], environment=made, log=log, flags={"--auth": "auto"}) as running:
        url = f"{running.url}/api/fleet"
        until(lambda: http.get(url)["status"] == "on", what=log.read_text)
        until(lambda: [one["state"] for one in http.get(url)["hosts"]] == ["unreachable"])
        [dead] = http.get(url)["hosts"]
        assert (dead["alias"], dead["sessions"]) == ("dead", None)
        assert "refused" in dead["reason"]
        [pid] = watchers("fleet-hosts")
        assert http.get(f"{running.url}/api/health")["fleet"]["pid"] == pid
        assert b"of the router" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert b"OCR_TOKEN" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert running.stop() == 0
    assert_gone("fleet-hosts")


def test_a_router_that_is_killed(tmp_path: Path) -> None:
    """Whatever ends the router, nothing of the watcher is left."""
    made, log = environment(tmp_path, "fleet-killed"), tmp_path / "log"
    with router([], environment=made, log=log) as running:
        url = f"{running.url}/api/fleet"
        until(lambda: http.get(url)["status"] == "on", what=log.read_text)
        assert watchers("fleet-killed")
        running.process.kill()
        running.process.wait()
        assert_gone("fleet-killed", "hosts --watch --json")
    assert_gone("fleet-killed")
