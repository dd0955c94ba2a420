"""``ocr-router`` as process 1, as a container's engine runs it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from tests.rig import http
from tests.rig.first import ALONE, WITH_TERMINAL, first, why_not_first
from tests.rig.ports import free_port
from tests.rig.processes import MARK, assert_gone, marked
from tests.rig.program import stand_in
from tests.rig.router import COMMAND, router
from tests.rig.wait import until

pytestmark = pytest.mark.skipif(bool(why_not_first()), reason=why_not_first() or "-")


def test_serve(environment: dict[str, str], tmp_path: Path) -> None:
    """It serves, with guard and servers; SIGTERM ends all of it, with exit code 0."""
    environment["PATH"] = f"{stand_in(tmp_path / 'bin')}:{environment['PATH']}"
    environment[MARK] = str(tmp_path)
    project = tmp_path / "shop"
    project.mkdir()
    log = tmp_path / "log"
    # Who asks from out here is not seen in there, and needs the password: the log tells.
    with router([project], environment=environment, log=log, by=ALONE, ready=False) as up:
        inside = ["nsenter", f"--target={first(up.process)}", "--pid", "--mount"]
        asked = [*inside, str(COMMAND), "health", "--wait", "30s"]
        subprocess.run(asked, env=environment, check=True, timeout=50)
        until(lambda: "status=ready" in log.read_text(), what=log.read_text)
        assert marked(str(tmp_path), "launch.guard")
        assert http.request("GET", f"{up.url}/api/backends").status == 401
        os.kill(first(up.process), signal.SIGTERM)
        assert up.process.wait(30) == 0
    assert_gone(str(tmp_path))


def test_a_router_that_is_killed(environment: dict[str, str], tmp_path: Path) -> None:
    """Process 1 says by its exit code how its child ended, and takes everything along."""
    environment[MARK] = str(tmp_path)
    with router([], environment=environment, log=tmp_path / "log", by=ALONE) as up:
        one = first(up.process)
        (child,) = Path(f"/proc/{one}/task/{one}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        assert up.process.wait(30) == 128 + signal.SIGKILL
    assert_gone(str(tmp_path))


def test_ctrl_c(environment: dict[str, str], tmp_path: Path) -> None:
    """One Ctrl-C counts once: requests may end, and the exit code is 0."""
    ours, theirs = os.openpty()
    port = free_port()
    log = tmp_path / "log"
    options = ["--no-mdns", "--hostname", "127.0.0.1", "--port", str(port), "--grace", "60s"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*WITH_TERMINAL, COMMAND, "serve", *options],
            env=environment,
            stdin=theirs,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            until(lambda: "No OpenCode" in log.read_text() or "Project " in log.read_text())
            url = f"http://127.0.0.1:{port}/api/health"
            assert http.get(url)["healthy"]
            os.write(ours, b"\x03")
            until(lambda: "stopping grace=60.0s" in log.read_text(), what=log.read_text)
            assert process.wait(30) == 0
            assert "ending at once" not in log.read_text()
        finally:
            process.kill()
    os.close(ours)
    os.close(theirs)


def test_a_short_command(environment: dict[str, str]) -> None:
    """All commands may be process 1; what they print and their exit codes are the same."""
    for arguments, code in ((("--version",), 0), (("health",), 1), (("config", "--port", "x"), 2)):
        typed = subprocess.run(
            [COMMAND, *arguments], env=environment, capture_output=True, check=False, timeout=50
        )
        alone = subprocess.run(
            [*ALONE, COMMAND, *arguments],
            env=environment,
            capture_output=True,
            check=False,
            timeout=50,
        )
        assert typed.returncode == alone.returncode == code
        assert (typed.stdout, typed.stderr) == (alone.stdout, alone.stderr)
