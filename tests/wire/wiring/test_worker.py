"""Workers of a real router: what they serve, whom they take along, and how they end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.client import HTTPException
from pathlib import Path

import pytest
from tests.rig import http, workers
from tests.rig.processes import MARK, Marked, assert_gone, marked
from tests.rig.program import stand_in
from tests.rig.router import COMMAND, Router, router
from tests.rig.wait import until

from opencoderouter.kernel.processes import process
from opencoderouter.proxy.listening import CAN_SHARE

pytestmark = pytest.mark.skipif(not CAN_SHARE, reason="this system cannot share a port")
WORKER = "opencoderouter.wiring.worker"


class Staffed:
    """A router with two workers and one project, ``shop``."""

    def __init__(self, running: Router, mark: str, environment: Mapping[str, str]) -> None:
        self.router, self.mark, self.environment = running, mark, environment

    def staff(self) -> list[Marked]:
        """Return both workers as soon as there are two."""

        def both() -> list[Marked]:
            found = marked(self.mark, WORKER)
            return found if len(found) == 2 else []

        return until(both, what=self.router.log.read_text)

    def ask(self, path: str, method: str = "GET") -> http.Reply:
        """Return the answer to one request over a connection of its own."""
        return http.request(method, f"{self.router.url}{path}")

    def password(self, *flags: str) -> str:
        """Return what ``ocr-router password`` says."""
        command = [str(COMMAND), "password", *flags]
        done = subprocess.run(
            command, env=self.environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout.strip()


@pytest.fixture
def staffed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Staffed]:
    """Run the router; nothing of it is left afterwards."""
    monkeypatch.setattr(workers, "count", 3)
    shop = tmp_path / "shop"
    shop.mkdir()
    mark = f"staffed-{os.getpid()}-{tmp_path.name}"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OCR_", "XDG_"))}
    path = f"{stand_in(tmp_path / 'bin')}:{kept['PATH']}"
    environment = kept | {"HOME": str(tmp_path), MARK: mark, "PATH": path}
    with router([shop], environment=environment, log=tmp_path / "log") as running:
        yield Staffed(running, mark, environment)
    assert_gone(mark)


def test_every_process_serves_everything(staffed: Staffed) -> None:
    """Projects, the API, its errors and its events are the same whoever takes the connection."""
    staffed.staff()
    for _ in range(20):
        assert staffed.ask("/shop/global/health").json["healthy"]
        assert staffed.ask("/api/health").json["healthy"]
        missing = staffed.ask("/api/nothing")
        assert (missing.status, missing.json["error"]) == (404, "not_found")
        assert staffed.ask("/nobody/x").json["error"] == "unknown_project"
        with http.opened("GET", f"{staffed.router.url}/api/events") as stream:
            (slug,) = [
                row["slug"] for row in next(http.events(stream))["backends"] if row["managed"]
            ]
            assert slug == "shop"


def test_another_password_ends_what_the_old_one_opened(staffed: Staffed) -> None:
    """Whichever process has it; what our own user has open without it goes on."""
    staffed.staff()
    url, old = f"{staffed.router.url}/api/events", staffed.password()
    shown = {"Authorization": f"Bearer {old}"}
    with ExitStack() as all_:
        mine = all_.enter_context(http.opened("GET", url))
        opened = [all_.enter_context(http.opened("GET", url, headers=shown)) for _ in range(12)]
        for stream in (mine, *opened):
            assert next(http.events(stream))["backends"]
        assert staffed.password("--rotate") != old
        for stream in opened:
            with pytest.raises((OSError, HTTPException)):
                stream.read()
        assert staffed.ask("/api/backends/shop/stop", "POST").status == 202
        assert next(http.events(mine))["changed"]


def test_they_end_with_their_owner(staffed: Staffed) -> None:
    """A router that is killed leaves no worker behind, and its port is free at once."""
    staffed.staff()
    staffed.router.process.kill()
    assert_gone(staffed.mark)
    with socket.create_server(("127.0.0.1", staffed.router.port)):
        pass


def test_they_end_when_the_router_stops(staffed: Staffed) -> None:
    """A stop leaves no worker behind and is no error."""
    staffed.staff()
    assert staffed.router.stop() == 0
    assert marked(staffed.mark) == []
    log = staffed.router.log.read_text()
    assert "Traceback" not in log
    assert "worker ended" not in log


def test_a_killed_one_loses_only_its_own(staffed: Staffed) -> None:
    """While requests pour in a worker is killed: few fail, none is answered wrongly."""
    victim = min(one.pid for one in staffed.staff())

    def serve(number: int) -> int:
        if number == 300:
            os.kill(victim, signal.SIGKILL)
        with suppress(OSError, HTTPException):
            assert staffed.ask("/shop/global/health").json["healthy"]
            return 1
        return 0

    with ThreadPoolExecutor(8) as clients:
        answered = sum(clients.map(serve, range(900)))
    assert answered >= 900 - 8  # who was just being served by it
    assert victim not in {one.pid for one in staffed.staff()}
    assert staffed.router.log.read_text().count("worker ended") == 1


def test_they_are_no_servers(staffed: Staffed) -> None:
    """None of the router's own processes looks like an OpenCode server."""
    kinds = [found.kind for one in staffed.staff() if (found := process(one.pid))]
    assert kinds == [None, None]


def test_they_are_small(staffed: Staffed) -> None:
    """What a worker needs fits into 40 MB."""
    for one in staffed.staff():
        status = Path(f"/proc/{one.pid}/status").read_text()
        (size,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
        assert int(size) < 40_000


def test_their_figures_are_the_router_s(staffed: Staffed) -> None:
    """All requests are counted, whichever process they came to."""
    staffed.staff()
    for _ in range(50):
        staffed.ask("/shop/global/health")

    def counted() -> bool:
        lines = staffed.ask("/api/metrics").body.decode().splitlines()
        return "opencoderouter_forwards_total 50.0" in lines

    until(counted, within=20)
