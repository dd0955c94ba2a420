"""A limit on open files that is really too low, and the advice when it is followed."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from tests.rig.diagnosis import Patient
from tests.rig.ports import free_port
from tests.rig.router import router

FEW = ("prlimit", "--nofile=300:300")
pytestmark = pytest.mark.skipif(shutil.which("prlimit") is None, reason="needs prlimit")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment without settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OCR_", "XDG_"))}
    return kept | {"HOME": str(tmp_path)}


def test_of_a_shell(environment: dict[str, str]) -> None:
    """Too few for the default; with the number of connections that is advised they are enough."""
    user, port = Patient(environment, FEW), free_port()
    row = user.worst("open-files", "--port", port)
    assert row["status"] == "warning"
    assert "(of this shell)" in row["evidence"][0]
    words = row["mend"][0].removeprefix("ocr-router serve ").split()
    assert user.worst("open-files", "--port", port, *words)["status"] == "ok"


def test_raised(environment: dict[str, str]) -> None:
    """The other advice names a limit; what is started with it has enough."""
    wanted = ("--port", free_port(), "--max-connections", 400)
    row = Patient(environment, FEW).worst("open-files", *wanted)
    limit = re.findall(r"nofile=\d+:\d+", row["mend"][1])[-1]
    assert (
        Patient(environment, ("prlimit", f"--{limit}")).worst("open-files", *wanted)["status"]
        == "ok"
    )


def test_of_the_router(environment: dict[str, str], tmp_path: Path) -> None:
    """The running router's limit counts, not the one of the shell that asks."""
    with router([], environment=environment, log=tmp_path / "log", by=FEW) as running:
        row = Patient(environment).worst("open-files", "--port", running.port)
        assert row["status"] == "warning"
        assert f"pid {running.process.pid}" in row["evidence"][0]
