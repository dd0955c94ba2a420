"""Whatever is killed with SIGKILL, nothing is left behind and nobody waits for the dead."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import pytest
from tests.rig import http
from tests.rig.figures import Measure
from tests.rig.fleet import Fleet
from tests.rig.opencode import Rig
from tests.rig.processes import Marked, assert_gone, kill, marked
from tests.rig.projects import repository
from tests.rig.router import Router, router
from tests.rig.sessions import body, open_session, prompt
from tests.rig.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
TOOL = "sleep 98765"
COMMAND = f"setsid {TOOL} </dev/null >/dev/null 2>&1 & {TOOL}"


@dataclass(frozen=True, slots=True)
class Working:
    """A router whose managed project has a tool running, in a session of its own too."""

    router: Router
    mark: str


@contextmanager
def working(rig: Rig, folder: Path, number: int) -> Iterator[Working]:
    """Start it; when the block ends it has to be gone."""
    mark = f"{rig.mark}-{number}"
    project = repository(folder / f"victim-{mark}")
    environment = rig.environment(mark=mark)
    try:
        with router([project], environment=environment, log=folder / f"log-{number}") as running:
            url = running.ready(project)["url"]
            session = open_session(url)
            prompt(url, session, COMMAND, model="bash")
            until(lambda: len(_tools(mark)) >= 2, what=lambda: marked(mark))
            yield Working(running, mark)
    finally:
        for process in marked(mark):
            kill(process)


def _until_gone(mark: str, pids: set[int]) -> None:
    until(lambda: not pids & {process.pid for process in marked(mark)}, within=30)


def _tools(mark: str) -> list[Marked]:
    """Return the processes that are the tool itself, not the shell that started it."""
    return [process for process in marked(mark) if process.argv == TOOL]


def test_router_is_killed(rig: Rig, tmp_path: Path, rounds: int, measure: Measure) -> None:
    """Kill -9 of the router ends its servers and their tools."""
    took = []
    for number in range(rounds):
        with working(rig, tmp_path, number) as it:
            started = time.monotonic()
            it.router.process.kill()
            it.router.process.wait()
            assert_gone(it.mark)
            took.append(time.monotonic() - started)
    measure("everything is gone after kill -9 of the router", took)


def test_guard_is_killed(rig: Rig, tmp_path: Path, rounds: int, measure: Measure) -> None:
    """Kill -9 of the guard ends its servers and their tools, and the router leaves nothing."""
    took = []
    for number in range(rounds):
        with working(rig, tmp_path, number) as it:
            [guard] = marked(it.mark, "opencoderouter.launch.guard")
            below = {process.pid for process in [*_tools(it.mark), *marked(it.mark, "opencode s")]}
            assert len(below) >= 3
            started = time.monotonic()
            kill(guard)
            _until_gone(it.mark, below)
            took.append(time.monotonic() - started)
            assert it.router.stop() == 0
            assert_gone(it.mark)
    measure("servers and tools are gone after kill -9 of the guard", took)


def test_router_is_stopped(rig: Rig, tmp_path: Path) -> None:
    """SIGTERM ends the router with 0, its servers and their tools with it."""
    with working(rig, tmp_path, 0) as it:
        assert it.router.stop() == 0
        assert not marked(it.mark)
        assert "Traceback" not in it.router.log.read_text()


def test_second_signal(rig: Rig, tmp_path: Path) -> None:
    """A second signal ends the router at once; nothing is left either."""
    with working(rig, tmp_path, 0) as it:
        it.router.process.send_signal(signal.SIGINT)
        it.router.process.send_signal(signal.SIGINT)
        it.router.process.wait(30)
        assert_gone(it.mark)
        assert "Traceback" not in it.router.log.read_text()


def test_backend_is_killed(
    fleet: Fleet, rig: Rig, tmp_path: Path, rounds: int, measure: Measure
) -> None:
    """A client in mid-stream sees its server's death at once, as a broken answer."""
    directory = repository(tmp_path / f"mortal-{rig.mark}")
    took = []
    for _ in range(rounds):
        with rig.serving(directory) as server:
            url = f"{fleet.router.url}/{fleet.router.ready(directory)['slug']}/"
            with http.opened("GET", f"{url}event") as response:
                assert next(http.events(response))["type"] == "server.connected"
                died: list[float] = []
                killer = threading.Thread(target=_kill, args=(server.process.pid, died))
                killer.start()
                with pytest.raises((HTTPException, ConnectionError)):
                    response.read()
                took.append(time.monotonic() - died[0])
                killer.join()
            server.process.wait()
    measure("a client in mid-stream sees kill -9 of its server", took)
    assert max(took) < 20


def test_prompt_is_cut(fleet: Fleet, rig: Rig, tmp_path: Path) -> None:
    """A client that waits for an answer gets an error, not silence, when its server dies."""
    directory = repository(tmp_path / f"mute-{rig.mark}")
    with rig.serving(directory) as server:
        url = f"{fleet.router.url}/{fleet.router.ready(directory)['slug']}/"
        session = open_session(url)
        timer = threading.Timer(2, server.process.kill)
        timer.start()
        reply = http.request("POST", f"{url}session/{session}/message", body("x", "slow"))
        timer.join()
        assert (reply.status, reply.json["error"]) == (502, "no_answer")
        server.process.wait()


def _kill(pid: int, died: list[float]) -> None:
    died.append(time.monotonic())
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
