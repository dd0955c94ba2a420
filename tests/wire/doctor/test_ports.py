"""Ports that are really held, by whom they are, and the advice when it is followed."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from pathlib import Path

from tests.rig.diagnosis import Patient
from tests.rig.ports import free_port, free_range
from tests.rig.router import router


def patient(home: Path) -> Patient:
    """Return a user of this home."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OCR_", "XDG_"))}
    return Patient(kept | {"HOME": str(home)})


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """It is told who has it; on the port that is advised a router starts, and it is its own."""
    user = patient(tmp_path)
    with socket.create_server(("127.0.0.1", free_port())) as other:
        port = other.getsockname()[1]
        row = user.worst("port", "--port", port)
        assert row["status"] == "error"
        assert f"(pid {os.getpid()}, user " in row["evidence"][0]
        advised = row["mend"][0].removeprefix("ocr-router serve --port ")
        assert user.worst("port", "--port", advised)["summary"] == f"Port {advised} is free"
        flags = {"--port": advised}
        with router([], environment=user.environment, log=tmp_path / "log", flags=flags):
            row = user.worst("port", "--port", advised)
            assert (row["status"], row["summary"]) == ("ok", f"Port {advised} is the router's")
            assert "ocr-router" in row["evidence"][0]
    assert user.worst("port", "--port", port)["status"] == "ok"


def test_something_else_on_the_routers_port(tmp_path: Path) -> None:
    """What listens and says nothing is no router; it does not hold up the command either."""
    user = patient(tmp_path)
    with socket.create_server(("127.0.0.1", free_port())) as other:
        row = user.worst("router", "--port", other.getsockname()[1])
        assert row["status"] == "warning"
        assert "does not answer as your router" in row["summary"]


def test_a_range_without_a_free_port(tmp_path: Path) -> None:
    """None, then few; the range that is advised is fine."""
    user, ports = patient(tmp_path), free_range()
    span = ("--scan-start", ports[0], "--scan-end", ports[-1])
    assert user.worst("scan-range", *span)["status"] == "ok"
    with ExitStack() as held:
        for port in ports[1:]:
            held.enter_context(socket.create_server(("127.0.0.1", port)))
        assert user.worst("scan-range", *span)["status"] == "warning"
        held.enter_context(socket.create_server(("127.0.0.1", ports[0])))
        row = user.worst("scan-range", *span)
        assert row["status"] == "error"
        words = row["mend"][0].removeprefix("ocr-router serve ").split()
        assert user.worst("scan-range", *words)["status"] == "ok"
