"""The launchd agent: keys that launchd knows, and a command line that runs the router."""

from __future__ import annotations

import os
import plistlib
import subprocess
from pathlib import Path
from typing import Any

from tests.rig import http
from tests.rig.ports import free_port
from tests.rig.router import COMMAND
from tests.rig.wait import until

_PATH = Path(__file__).parents[2] / "deploy/launchd/local.opencoderouter.plist"
# launchd.plist(5), as far as it is of use here.
_KEYS: dict[str, type] = {
    "Label": str,
    "ProgramArguments": list,
    "RunAtLoad": bool,
    "KeepAlive": dict,
    "ExitTimeOut": int,
    "ProcessType": str,
    "SoftResourceLimits": dict,
}


def _agent() -> dict[str, Any]:
    agent: dict[str, Any] = plistlib.loads(_PATH.read_bytes())
    return agent


def test_keys() -> None:
    """Each key is one of launchd's, with a value of its kind; the label is the file's name."""
    agent = _agent()
    assert {key: type(value) for key, value in agent.items()} == _KEYS
    assert agent["Label"] == _PATH.stem
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["ProcessType"] in {"Background", "Standard", "Adaptive", "Interactive"}
    assert list(agent["SoftResourceLimits"]) == ["NumberOfFiles"]


def test_command(tmp_path: Path) -> None:
    """In a home with nothing but the program it serves, writes its log there, and ends with 0."""
    program = tmp_path / ".local/bin/ocr-router"
    program.parent.mkdir(parents=True)
    program.symlink_to(COMMAND)
    log = tmp_path / "Library/Logs/opencoderouter.log"
    log.parent.mkdir(parents=True)
    port = free_port()
    own = {"OCR_PORT": str(port), "OCR_HOSTNAME": "127.0.0.1", "OCR_MDNS": "false"}
    environment = {"HOME": str(tmp_path), "PATH": os.defpath, **own}
    process = subprocess.Popen(_agent()["ProgramArguments"], env=environment, cwd="/")
    try:
        until(lambda: log.exists() and "Dashboard" in log.read_text())
        assert http.get(f"http://127.0.0.1:{port}/api/health")["healthy"]
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
