"""``--backend``: a server that nothing proves to be ours, by the name that the user gave it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.rig import http
from tests.rig.ports import free_port
from tests.rig.program import stand_in
from tests.rig.router import COMMAND, Router, router
from tests.rig.wait import until
from tests.wire.cli.conftest import Run

SECRET = "not-to-be-seen"


@contextmanager
def elsewhere(directory: Path) -> Iterator[int]:
    """Run the stand-in with a password of its own: a server as it may be on another machine."""
    port = free_port()
    directory.mkdir()
    told = {"OPENCODE_SERVER_USERNAME": "alice", "OPENCODE_SERVER_PASSWORD": SECRET}
    argv = [sys.executable, "-m", "opencoderouter.standin", "serve", "--port", str(port)]
    with subprocess.Popen(
        argv, cwd=directory, env=os.environ | told, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield port
        finally:
            process.kill()


def row(running: Router, status: str) -> http.Json:
    """Return the row of the project ``box`` if this is its status, else nothing."""
    here = (row for row in running.backends() if row["slug"] == "box")
    return next((row for row in here if row["status"] == status), {})


def test_a_named_server(environment: dict[str, str], run: Run, tmp_path: Path) -> None:
    """It is routed to while it answers, with its credentials, which nobody gets to see."""
    local = tmp_path / "here/box"
    local.mkdir(parents=True)
    with ExitStack() as stack:
        far = stack.enter_context(ExitStack())
        port = far.enter_context(elsewhere(tmp_path / "far"))
        environment |= {
            "PATH": f"{stand_in(tmp_path / 'bin')}:{environment['PATH']}",
            "OCR_BACKEND": f"box=http://alice:{SECRET}@127.0.0.1:{port}",
            "OCR_SCAN_INTERVAL": "1s",
        }
        log = tmp_path / "log"
        running = stack.enter_context(router([local], environment=environment, log=log))
        found = until(lambda: row(running, "ready"), what=log.read_text)
        assert (found["managed"], found["pid"]) == (False, None)
        assert found["project_path"] == f"http://127.0.0.1:{port}{tmp_path}/far"
        assert http.get(f"{running.url}/box/path")["directory"] == f"{tmp_path}/far"
        assert running.ready(local)["slug"] == "here-box"
        assert run("resolve", str(tmp_path / "far"), "--port", str(running.port)).returncode == 1
        shown = run("config").stdout + json.dumps(running.backends())
        assert f"box=http://***@127.0.0.1:{port}" in shown
        assert SECRET not in shown + log.read_text()
        far.close()
        gone = until(lambda: row(running, "starting"))
        assert gone["reason"] == "nothing listens there (connection refused)"
        reply = http.request("GET", f"{running.url}/box/path")
        assert (reply.status, reply.json["error"]) == (503, "project_down")
        assert gone["reason"] in reply.json["detail"]
        followed = run("why", "box", "--port", str(running.port))
        assert followed.stdout.count("connection refused") == 1
        advice = run("doctor", "--only", "listeners", "--port", str(running.port)).stdout
        assert "--backend box is not reached: nothing listens there" in " ".join(advice.split())
        assert SECRET not in log.read_text() + followed.stdout + advice


def test_a_name_that_is_taken(environment: dict[str, str], tmp_path: Path) -> None:
    """A directory's name stays with it: one line, exit code 2, and no router."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "leases.json").write_text('{"/srv/box": "box"}')
    done = subprocess.run(
        [COMMAND, "serve", "--state-dir", str(state), "--port", str(free_port())],
        env=environment | {"OCR_BACKEND": f"box=http://alice:{SECRET}@192.0.2.1:1"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.endswith(
        "ocr-router: --backend box=http://***@192.0.2.1:1: box is the name of /srv/box;"
        " choose another\n"
    )
