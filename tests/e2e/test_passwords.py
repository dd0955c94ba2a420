"""Servers that were started here want a password; the router knows it, also after a restart."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.rig import http
from tests.rig.fleet import Fleet
from tests.rig.opencode import Rig
from tests.rig.projects import repository
from tests.rig.router import COMMAND, Router, router
from tests.rig.sessions import open_session
from tests.rig.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
UNAUTHORIZED = 401


@pytest.mark.parametrize("path", ["/", "/global/health", "/path", "/event", "/doc"])
def test_nobody_goes_round_the_router(fleet: Fleet, path: str) -> None:
    """Whoever comes directly is refused without the server's own password."""
    entry = fleet.router.ready(fleet.alpha)
    reply = http.request("GET", f"http://127.0.0.1:{entry['port']}{path}")
    assert reply.status == UNAUTHORIZED
    assert reply.headers["www-authenticate"] == 'Basic realm="Secure Area"'


def test_each_server_has_its_own(fleet: Fleet) -> None:
    """One project's password does not open the other."""
    port = fleet.router.ready(fleet.beta)["port"]
    url = f"http://127.0.0.1:{port}/global/health"
    for project, status in ((fleet.alpha, UNAUTHORIZED), (fleet.beta, 200)):
        headers = {"Authorization": fleet.authorization(project)}
        assert http.request("GET", url, headers=headers).status == status


def test_found_again(rig: Rig, tmp_path: Path) -> None:
    """What ``ocr-router start`` started is ready in every router, its sessions counted."""
    project = repository(tmp_path / f"outlives-{rig.mark}")
    environment = {**rig.environment(), "XDG_STATE_HOME": str(tmp_path / "state")}

    def command(verb: str) -> None:
        subprocess.run([COMMAND, verb, str(project)], env=environment, check=True, timeout=100)

    command("start")
    try:
        for number in (1, 2):
            log = tmp_path / f"log-{number}"
            with router([], environment=environment, log=log) as running:
                _is_found(running, project, sessions=number)
    finally:
        command("stop")


def _is_found(running: Router, project: Path, *, sessions: int) -> None:
    entry = running.ready(project)
    assert not entry["managed"]
    open_session(entry["url"])
    counted = {"total": sessions, "busy": 0, "more": False}
    until(lambda: running.ready(project)["sessions"] == counted, what=running.log.read_text)
    url = f"http://127.0.0.1:{entry['port']}/session"
    assert http.request("GET", url).status == UNAUTHORIZED
