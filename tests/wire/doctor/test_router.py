"""Real routers, and what is said of each."""

from __future__ import annotations

import os
from pathlib import Path

from tests.rig.diagnosis import Patient
from tests.rig.router import router
from tests.wire.cli.test_api import certificate


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


def test_a_router_that_speaks_https(tmp_path: Path) -> None:
    """It has the port, whoever asks it by HTTP is told the flag, and with that all is well."""
    made = certificate(tmp_path / "tls", "box.test")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OCR_", "XDG_"))}
    user = Patient(kept | {"HOME": str(tmp_path)})
    flags = {"--tls-cert": made, "--tls-key": made.with_name("key")}
    with router([], environment=user.environment, log=tmp_path / "log", flags=flags) as running:
        port = ("--port", running.port)
        row = user.worst("router", *port)
        assert (row["status"], "speaks HTTPS" in row["summary"]) == ("warning", True)
        assert row["mend"][0].startswith("ocr-router doctor --tls-cert FILE")
        assert user.worst("port", *port)["summary"] == f"Port {running.port} is the router's"
        assert user.worst("exposure", *port)["evidence"][-1].startswith("HTTPS, ")
        assert user.worst("router", *port, "--tls-cert", made)["status"] == "ok"
