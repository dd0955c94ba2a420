"""The command line, in a home of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.rig.router import COMMAND

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment with a home of its own and no setting of the router."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OCR_", "XDG_"))}
    return kept | {"HOME": str(tmp_path)}


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Return what runs ``ocr-router ARGUMENTS`` to its end."""

    def command(*arguments: str, program: str = "ocr-router") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND.with_name(program), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )

    return command
