"""Real servers of every kind are found, named and dropped."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.rig import http, projects
from tests.rig.figures import Measure
from tests.rig.fleet import Fleet
from tests.rig.opencode import Rig, Server
from tests.rig.router import Router, router
from tests.rig.sessions import open_session, prompt
from tests.rig.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
HEALTH = b"GET /global/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Matrix:
    """Servers that were started by hand: inside and outside the range, in odd directories."""

    servers: dict[str, Server]

    def directories(self) -> list[Path]:
        """Return the directories that are served."""
        return [server.directory for server in self.servers.values()]


@pytest.fixture(scope="module")
def matrix(fleet: Fleet, rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """Return one server for each odd kind of directory, and a second one for ``alpha``."""
    folder = tmp_path_factory.mktemp("matrix")
    inside = fleet.router.scan[-1]
    sub = fleet.beta / "packages" / f"sub-{rig.mark}"
    kinds = {
        "fresh": (projects.without_commits(folder / f"fresh-{rig.mark}"), inside),
        "plain": (projects.plain(folder / f"plain-{rig.mark}"), 0),
        "worktree": (projects.worktree(fleet.alpha, folder / f"tree-{rig.mark}"), inside - 1),
        "sub": (projects.plain(sub), 0),
        "again": (fleet.alpha, 0),
    }
    with ExitStack() as stack:
        yield Matrix(
            {
                kind: stack.enter_context(rig.serving(directory, port=port))
                for kind, (directory, port) in kinds.items()
            }
        )


@pytest.mark.parametrize("kind", ["fresh", "plain", "worktree", "sub"])
def test_found_by_hand(fleet: Fleet, matrix: Matrix, kind: str) -> None:
    """A server that was started by hand is listed under its own directory, and reached there."""
    server = matrix.servers[kind]
    entry = fleet.router.ready(server.directory)
    assert entry["port"] == server.port
    assert entry["slug"] == server.directory.name
    assert not entry["managed"]
    assert http.get(f"{entry['url']}path")["directory"] == str(server.directory)


def test_managed(fleet: Fleet) -> None:
    """A server that the router started is listed as managed, on a port of the range."""
    for directory in (fleet.alpha, fleet.beta):
        entry = fleet.router.ready(directory)
        assert entry["managed"]
        assert entry["port"] in fleet.router.scan


def test_directory_served_twice(fleet: Fleet, matrix: Matrix) -> None:
    """Two servers of one directory are one project: the first has the route, both are listed."""

    def listed() -> list[int]:
        entry = fleet.router.ready(fleet.alpha)
        return [server["port"] for server in entry["servers"]]

    first = fleet.router.ready(fleet.alpha)["port"]
    again = matrix.servers["again"].port
    until(lambda: listed() == [first, again], within=20, what=listed)
    assert first in fleet.router.scan


def test_session_of_the_second_server(fleet: Fleet, matrix: Matrix) -> None:
    """A request about a session that runs in the second server goes there."""
    direct = f"{matrix.servers['again'].url}/"
    session = open_session(direct)
    prompt(direct, session, "take your time", model="slow")
    until(lambda: session in http.get(f"{direct}session/status"))

    def aborted() -> bool:
        # Asked until the router has seen where the session runs: the other server would say
        # true, too, and do nothing.
        assert http.post(f"{fleet.url}session/{session}/abort", {}) is True
        return session not in http.get(f"{direct}session/status")

    until(aborted, within=30, every=0.2)
    messages = http.get(f"{direct}session/{session}/message")
    assert messages[-1]["info"]["error"]["name"] == "MessageAbortedError"


def test_router_that_comes_later(fleet: Fleet, matrix: Matrix, rig: Rig, tmp_path: Path) -> None:
    """A router that is started last knows every server as soon as it is ready."""
    environment = {**rig.environment(), "XDG_STATE_HOME": str(tmp_path / "state")}
    with router([], environment=environment, log=tmp_path / "log") as late:
        for directory in [*matrix.directories(), fleet.alpha, fleet.beta]:
            entry = late.ready(directory)
            assert not entry["managed"]
        assert late.stop() == 0
    assert http.answers(f"{matrix.servers['plain'].url}/global/health")


def test_in_time(fleet: Fleet, rig: Rig, tmp_path: Path, rounds: int, measure: Measure) -> None:
    """A server is listed soon after it answers, and not any more soon after its death."""
    directory = projects.repository(tmp_path / f"brief-{rig.mark}")
    came, went = [], []
    for _ in range(rounds):
        with ThreadPoolExecutor() as pool:
            server = rig.start(directory)
            listed = pool.submit(_listed_at, fleet.router, directory, present=True)
            answered = _answered_at(server.port)
            came.append(max(0.0, listed.result() - answered))
            gone = pool.submit(_listed_at, fleet.router, directory, present=False)
            killed = time.monotonic()
            server.kill()
            went.append(gone.result() - killed)
    measure("a server is in /api/backends after it first answers", came)
    measure("a server is out of /api/backends after kill -9", went)
    assert max(came + went) < 20


def _listed_at(router: Router, directory: Path, *, present: bool) -> float:
    def seen() -> bool:
        entry = router.find(directory)
        return (entry is not None and entry["status"] == "ready") is present

    until(seen, every=0.02)
    return time.monotonic()


def _answered_at(port: int) -> float:
    """Return when a server first answers anybody: early connections may stay unanswered."""
    with ExitStack() as stack:
        waiting: list[socket.socket] = []
        while not select.select(waiting, [], [], 0.02)[0]:
            with suppress(ConnectionRefusedError):
                connection = socket.create_connection(("127.0.0.1", port), timeout=5)
                waiting.append(stack.enter_context(closing(connection)))
                connection.sendall(HEALTH)
        return time.monotonic()
