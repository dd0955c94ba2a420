"""``ocr-router env`` as a shell uses it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.rig.ports import free_port
from tests.rig.program import stand_in
from tests.rig.router import COMMAND, Router, router
from tests.wire.cli.conftest import Run
from tests.wire.launch.rig import handmade

from opencoderouter.core.basic import basic


@pytest.fixture
def running(environment: dict[str, str], tmp_path: Path) -> Iterator[Router]:
    """Return a router with the project ``shop``, named with a mark of this run."""
    project = tmp_path / "shop"
    project.mkdir()
    environment["PATH"] = f"{stand_in(tmp_path / 'bin')}:{COMMAND.parent}:{os.environ['PATH']}"
    with router([project], environment=environment, log=tmp_path / "log") as started:
        yield started


def status(url: str, authorization: str = "") -> int:
    """Return what a server answers to who comes directly."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request("GET", "/global/health", headers={"Authorization": authorization})
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_shell_gets_in(environment: dict[str, str], running: Router, tmp_path: Path) -> None:
    """``eval`` sets what a client needs: with it the server answers, without it does not."""
    slug = running.ready(tmp_path / "shop")["slug"]
    script = """eval "$(ocr-router env "$1" --port "$2")" &&
    printf '%s\\n' "$OPENCODE_SERVER_USERNAME" "$OPENCODE_SERVER_PASSWORD" "$OPENCODE_SERVER_URL"
    env | grep -c ^OPENCODE_SERVER_"""
    done = subprocess.run(
        ["sh", "-c", script, "sh", slug, str(running.port)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    username, password, url, count = done.stdout.splitlines()
    assert (username, count, done.stderr) == ("opencode", "3", "")
    assert url == f"http://127.0.0.1:{running.ready(tmp_path / 'shop')['port']}"
    assert status(url) == 401
    assert status(url, basic(username, password)) == 200
    assert password not in running.log.read_text() + str(running.backends())


def test_what_has_no_credentials_is_told(run: Run, running: Router, tmp_path: Path) -> None:
    """An unknown project, and one that somebody started by hand: one line, exit code 1."""
    port = ("--port", str(running.port))
    done = run("env", "nonsense", *port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "ocr-router: nonsense: there is no such project (`ocr-router ls` lists them)\n"
    )
    by_hand = tmp_path / "by-hand"
    by_hand.mkdir()
    with handmade(by_hand, "serve", free_port()):
        slug = running.ready(by_hand)["slug"]
        done = run("env", slug, *port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(
        f"{slug}: its server was not started by ocr-router on this machine\n"
    )


def test_help_shows_how_it_is_used(run: Run) -> None:
    """The lines can be copied as they stand."""
    lines = run("env", "--help").stdout.splitlines()
    first = lines.index('  eval "$(ocr-router env SLUG)"')
    assert lines[first + 1] == '  opencode attach "$OPENCODE_SERVER_URL"'
    assert not any("\\b" in line or "\b" in line for line in lines)


def test_without_a_router(run: Run) -> None:
    """It is told how to start one."""
    done = run("env", "shop", "--port", str(free_port()))
    assert done.returncode == 1
    assert "`ocr-router serve` starts one" in done.stderr
