"""``oc`` and ``oc-kill`` at the top of the repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

_TOP = Path(__file__).parents[3]


@pytest.fixture
def router(tmp_path: Path) -> Path:
    """Return a checkout that has the scripts, and an ``ocr-router`` that says what it is told."""
    for name in ("oc", "oc-kill"):
        (tmp_path / name).write_bytes((_TOP / name).read_bytes())
        (tmp_path / name).chmod((_TOP / name).stat().st_mode)
    program = tmp_path / ".venv/bin/ocr-router"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf \'<%s>\' "$0" "$@"\n')
    program.chmod(0o755)
    return program


def test_start(router: Path, tmp_path: Path) -> None:
    """Directories are passed on as they are, to the checkout's own program."""
    (tmp_path / "link").symlink_to(tmp_path / "oc")
    said = subprocess.run([tmp_path / "link", "a b", "-c"], capture_output=True, check=True)
    assert said.stdout.decode() == f"<{router}><start><a b><-c>"


def test_stop(router: Path, tmp_path: Path) -> None:
    """Everything is stopped."""
    said = subprocess.run([tmp_path / "oc-kill"], capture_output=True, check=True)
    assert said.stdout.decode() == f"<{router}><stop><--all>"


def test_program_on_path(router: Path, tmp_path: Path) -> None:
    """Without an environment of the checkout's own, the program is found on PATH."""
    (tmp_path / "bin").mkdir()
    elsewhere = router.rename(tmp_path / "bin/ocr-router")
    path = {"PATH": f"{elsewhere.parent}:/usr/bin:/bin"}
    said = subprocess.run([tmp_path / "oc", "."], capture_output=True, check=True, env=path)
    assert said.stdout.decode() == f"<{elsewhere}><start><.>"


def test_usage() -> None:
    """Without a directory: usage on stderr, exit 1, and nothing started."""
    said = subprocess.run([_TOP / "oc"], capture_output=True, check=False)
    assert (said.returncode, said.stdout) == (1, b"")
    assert said.stderr == b"Usage: oc <path> [path ...]\n"
