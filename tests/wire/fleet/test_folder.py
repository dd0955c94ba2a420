"""Temporary folders, and what is left of those of others."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from opencoderouter.fleet.folder import folder

HOLD = """
import sys, tempfile
from opencoderouter.fleet.folder import folder
tempfile.tempdir = sys.argv[1]
with folder() as path:
    (path / "socket").touch()
    print(path, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where temporary folders are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def held(where: Path) -> tuple[subprocess.Popen[str], Path]:
    """Return a process that has a folder, and that."""
    command = [sys.executable, "-c", HOLD, str(where)]
    process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_it_is_gone_with_its_block(where: Path) -> None:
    """It is this user's alone; nothing of it is left."""
    with folder() as path:
        assert path.stat().st_mode & 0o777 == 0o700
        (path / "x").mkdir()
        (path / "x" / "y").touch()
    assert [*where.iterdir()] == []


def test_what_a_killed_process_left_is_removed(where: Path) -> None:
    """Not before it is dead: what another process uses stays."""
    process, path = held(where)
    with process:
        with folder() as other:
            assert {*where.iterdir()} == {path, other}
        assert (path / "socket").exists()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert path.exists()
        with folder() as other:
            assert [*where.iterdir()] == [other]


def test_what_is_not_ours_stays(where: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Files, links, folders that others can enter, and other names."""
    other = tmp_path_factory.mktemp("other")
    (other / "kept").touch()
    (where / "ocr-12345678").touch()
    (where / "ocr-abcdefgh").symlink_to(other)
    (where / "ocr-open1234").mkdir(mode=0o755)
    (where / "ocr-longer-name").mkdir(mode=0o700)
    before = {*where.iterdir()}
    with folder():
        pass
    assert {*where.iterdir()} == before
    assert (other / "kept").exists()
