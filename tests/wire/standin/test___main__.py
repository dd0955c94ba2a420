"""The stand-in's command line behaves as ``opencode serve`` does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

from tests.rig.ports import free_port

from opencoderouter.core.basic import basic


def test_serves_and_ends_at_once(tmp_path: Path) -> None:
    """It says where it listens, answers there, and SIGTERM ends it by default action."""
    port = free_port()
    argv = [sys.executable, "-m", "opencoderouter.standin", "serve", "--hostname", "127.0.0.1"]
    with subprocess.Popen(
        [*argv, "--port", str(port)], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line == f"opencode server listening on http://127.0.0.1:{port}"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/path", timeout=20) as response:
            assert json.load(response)["directory"] == str(tmp_path)
        process.terminate()
        assert process.wait(20) == -signal.SIGTERM


def test_wants_the_password_of_its_environment(tmp_path: Path) -> None:
    """Who does not show it is refused as by OpenCode."""
    port = free_port()
    argv = [sys.executable, "-m", "opencoderouter.standin", "serve", "--port", str(port)]
    told = {"OPENCODE_SERVER_USERNAME": "alice", "OPENCODE_SERVER_PASSWORD": "secret"}
    with subprocess.Popen(
        argv, cwd=tmp_path, stdout=subprocess.PIPE, env=os.environ | told
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert _status(port, "") == 401
        assert _status(port, basic("alice", "secret")) == 200
        process.terminate()


def _status(port: int, authorization: str) -> int:
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", "/path", headers={"Authorization": authorization})
        return connection.getresponse().status
