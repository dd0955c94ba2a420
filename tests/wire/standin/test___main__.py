"""The stand-in's command line behaves as ``opencode serve`` does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.rig.ports import free_port


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
