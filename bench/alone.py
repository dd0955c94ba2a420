"""What only our router does: find backends, hold many of them, start as a command."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from bench.answers import SMALL, ask
from bench.machine import free_in, free_port, free_range
from bench.processes import Running
from bench.proxies import router_launch
from bench.rig import Rig, say, until

BACKENDS = 50
_POLL = 0.002  # seconds between two questions whether a project is routable
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to look: seconds of idleness, servers to find, commands to run."""

    idle: float = 60.0
    settle: float = 75.0  # before: a server that has been quiet for a minute is asked less often
    found: int = 100
    commands: int = 20


@dataclass(frozen=True, slots=True)
class Alone:
    """Bytes and share of one core when idle; all others in seconds."""

    memory: int
    idle_cpu: float
    routable: list[float]
    commands: dict[str, list[float]]


def measure_alone(rig: Rig, effort: Effort) -> Alone:
    """Measure a router with 50 backends in a range of 1,001 ports, and the commands."""
    with ExitStack() as stack:
        ports = free_range()
        free = free_in(ports, BACKENDS + 1)
        for number, port in enumerate(free[:BACKENDS]):
            folder = rig.folder / f"held{number}"
            folder.mkdir()
            stack.enter_context(rig.backend(folder, port))
        folder, port = rig.fresh("alone"), free_port()
        router = stack.enter_context(
            rig.start(router_launch(rig.router, port, ports, folder), folder)
        )
        until(lambda: _ready(port) >= BACKENDS, router, 90)
        memory, idle = _rest(router, effort.settle, effort.idle)
        routable = _routable(rig, port, free[-1], effort.found)
    return Alone(memory, idle, routable, _commands(rig, effort.commands))


def _ready(port: int) -> int:
    try:
        entries = json.loads(ask(port, "/api/backends", name="localhost"))
    except (OSError, HTTPException):
        return 0
    return sum(entry["status"] == "ready" for entry in entries)


def _rest(router: Running, settle: float, seconds: float) -> tuple[int, float]:
    """Return memory and share of a core while nothing is asked."""
    say(f"{BACKENDS} backends, idle for {seconds:.0f} s")
    time.sleep(settle)
    pids = router.pids()
    before, began = router.cpu(pids), time.monotonic()
    time.sleep(seconds)
    share = (router.cpu(pids) - before) / (time.monotonic() - began)
    return router.memory(), share


def _routable(rig: Rig, router: int, port: int, count: int) -> list[float]:
    """Return how long ``count`` servers, one after the other, were not routable."""
    say(f"{count} servers found")
    took = list[float]()
    for number in range(count):
        folder = rig.folder / f"found{number}"
        folder.mkdir()
        time.sleep(random.random() / 5)  # noqa: S311 - not in step with the router
        with rig.backend(folder, port) as began:
            took.append(_first_answer(router, folder.name) - began)
        while _is_routable(HTTPConnection("127.0.0.1", router, timeout=5), folder.name, router):
            time.sleep(_POLL)
    return took


def _first_answer(router: int, name: str) -> float:
    connection = HTTPConnection("127.0.0.1", router, timeout=5)
    end = time.monotonic() + _PATIENCE
    while not _is_routable(connection, name, router):
        if time.monotonic() > end:
            raise RuntimeError(f"{name} was not routable within {_PATIENCE:.0f} s")
        time.sleep(_POLL)
    connection.close()
    return time.monotonic()


def _is_routable(connection: HTTPConnection, name: str, port: int) -> bool:
    try:
        connection.request("GET", "/small", headers={"Host": f"{name}.localhost:{port}"})
        response = connection.getresponse()
        return response.read() == SMALL and response.status == 200  # noqa: PLR2004 - OK
    except (OSError, HTTPException):
        connection.close()  # the next request opens it anew
        return False


def _commands(rig: Rig, count: int) -> dict[str, list[float]]:
    """Return how long commands take, started in turn."""
    say(f"{count} cold starts")
    router = str(rig.router)
    argv = {
        "python -c pass": (sys.executable, "-c", "pass"),
        "ocr-router --version": (router, "--version"),
        "ocr-router --help": (router, "--help"),
    }
    runs = {name: _timer(rig, command) for name, command in argv.items()}
    took: dict[str, list[float]] = {name: [] for name in argv}
    for _ in range(count):
        for name, run in runs.items():
            took[name].append(run())
    return took


def _timer(rig: Rig, argv: tuple[str, ...]) -> Callable[[], float]:
    folder: Path = rig.folder

    def run() -> float:
        began = time.monotonic()
        subprocess.run(
            argv, cwd=folder, env=rig.environment(), stdout=subprocess.DEVNULL, check=True
        )
        return time.monotonic() - began

    return run
