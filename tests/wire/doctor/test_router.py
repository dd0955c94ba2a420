"""Real routers, and what is said of each."""

from __future__ import annotations

import os
from pathlib import Path

from tests.rig.diagnosis import Patient
from tests.rig.router import router


def test_a_router_that_asks_everybody(tmp_path: Path) -> None:
    """The password is read where it is; without it the router is there and does not tell."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OCR_", "XDG_"))}
    user = Patient(kept | {"HOME": str(tmp_path)})
    flags = {"--auth": "always", "--state-dir": tmp_path / "state"}
    env, log = user.environment, tmp_path / "log"
    with router([], environment=env, log=log, flags=flags) as running:
        port = ("--port", running.port)
        row = user.worst("router", *port)
        assert row["status"] == "warning"
        assert "does not let this command in" in row["summary"]
        assert not (tmp_path / ".local").exists()
        advised = row["mend"][0].partition("#")[0].split()[2:]
        assert advised == ["--state-dir", "DIRECTORY"]
        assert user.worst("router", *port, "--state-dir", tmp_path / "state")["status"] == "ok"
        wrong = Patient({**env, "OCR_TOKEN": "ocrt_wrong"})
        assert wrong.worst("router", *port)["status"] == "warning"
