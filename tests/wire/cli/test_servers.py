"""``start``, ``ps`` and ``stop`` as typed, in a process namespace of their own.

``stop --all`` ends every OpenCode server of the user: it must not meet those of who runs the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.rig.ports import free_port, free_range
from tests.rig.program import stand_in
from tests.rig.router import COMMAND

ROOT = Path(__file__).parents[3]
ALONE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


def _can_be_alone() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(
    not _can_be_alone(), reason="needs the right to unshare: a process namespace of its own"
)


def shell(
    environment: dict[str, str], folder: Path, script: str
) -> subprocess.CompletedProcess[str]:
    """Run a script alone, with the stand-in as ``opencode`` and a port range of its own."""
    ports = free_range()
    path = f"{ROOT}:{stand_in(folder / 'bin')}:{COMMAND.parent}:{os.environ['PATH']}"
    settings = {"PATH": path, "OCR_SCAN_START": str(ports[0]), "OCR_SCAN_END": str(ports[-1])}
    return subprocess.run(
        [*ALONE, "sh", "-c", script],
        env=environment | settings,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the directories ``shop`` and ``my blog``."""
    for name in ("shop", "my blog"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_start_ps_stop(environment: dict[str, str], folder: Path) -> None:
    """Servers outlive ``start``, a second one skips them, ``ps`` lists them, ``stop`` ends one."""
    done = shell(
        environment,
        folder,
        """ocr-router start shop 'my blog' && ocr-router start shop && ocr-router ps --json >rows
        ocr-router ps && ocr-router stop shop && ocr-router ps --json >left
        ocr-router stop shop""",
    )
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"started  {folder}/shop  http://127.0.0.1:")
    assert lines[1].startswith(f"started  {folder}/my blog  http://127.0.0.1:")
    assert lines[2].startswith(f"serving  {folder}/shop  already")
    assert lines[3].split() == ["PID", "PORT", "KIND", "MEMORY", "SESSIONS", "DIRECTORY"]
    assert lines[-1].startswith(f"stopped  {folder}/shop")
    assert done.stderr == f"failed   {folder}/shop: no OpenCode server of yours runs there\n"
    assert done.returncode == 1
    rows, left = (json.loads((folder / name).read_text()) for name in ("rows", "left"))
    assert {row["directory"] for row in rows} == {f"{folder}/shop", f"{folder}/my blog"}
    assert [row["directory"] for row in left] == [f"{folder}/my blog"]
    assert all(row["kind"] == "serve" and row["memory"] > 2**20 for row in rows)


def test_the_scripts_of_the_original(environment: dict[str, str], folder: Path) -> None:
    """``oc`` starts, ``oc-kill`` stops all, and neither touches what merely looks alike."""
    done = shell(
        environment,
        folder,
        """cp /bin/sleep 'opencode serve.md'; './opencode serve.md' 50 & text=$!
        oc shop 'my blog' && oc-kill && oc-kill; kill -0 $text && echo untouched; oc""",
    )
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["started", "started", "stopped", "stopped"]
    assert lines[4:] == ["No OpenCode server of yours is running.", "untouched"]
    assert done.stderr.lower().startswith("usage: oc ")
    assert done.returncode == 1


def test_what_cannot_be_started_is_told(environment: dict[str, str], folder: Path) -> None:
    """A missing folder and a program that fails are one line each, exit code 1; others start."""
    (folder / "bad").write_text("#!/bin/sh\necho no model configured >&2\nexit 3\n")
    (folder / "bad").chmod(0o755)
    done = shell(
        environment,
        folder,
        """ocr-router start nowhere shop; echo $?; ocr-router start 'my blog' --opencode ./bad""",
    )
    assert f"started  {folder}/shop" in done.stdout
    assert "\n1\n" in f"\n{done.stdout}"
    missing, failed, *tail = done.stderr.splitlines()
    assert missing.endswith("nowhere: there is no such directory")
    assert failed.startswith(f"failed   {folder}/my blog: ")
    assert "no model configured" in " ".join([failed, *tail])
    assert done.returncode == 1


def test_stop_wants_to_know_which(environment: dict[str, str], folder: Path) -> None:
    """Neither nothing nor both: it is told what to name, exit code 2."""
    for arguments in ("", "--all shop"):
        done = shell(environment, folder, f"ocr-router stop {arguments}")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "ocr-router: stop: name directories, or --all\n"


def test_a_router_does_not_start_again_what_is_stopped(
    environment: dict[str, str], folder: Path
) -> None:
    """``stop`` has the router stop its own project; what was started by hand ends besides."""
    done = shell(
        environment | {"OCR_PORT": str(free_port())},
        folder,
        """ocr-router serve shop >log 2>&1 & router=$!
        until ocr-router ls 2>&1 | grep -q ready; do sleep 0.1; done
        ocr-router start 'my blog' && ocr-router stop shop && ocr-router stop --all
        ocr-router ls; kill $router; wait $router""",
    )
    lines = done.stdout.splitlines()
    assert lines[1] == f"stopped  {folder}/shop  (by its router)"
    assert lines[2].startswith(f"stopped  {folder}/my blog  (pid ")
    assert [line.split()[:2] for line in lines[4:]] == [["shop", "stopped"]]
    assert (done.returncode, done.stderr) == (0, "")


def test_stop_works_with_broken_settings(environment: dict[str, str], folder: Path) -> None:
    """Who has to stop servers now is not sent to mend a file first; it is told, though."""
    done = shell(
        environment,
        folder,
        "ocr-router start shop && export OCR_PORT=x && ocr-router stop --all",
    )
    assert done.stdout.splitlines()[1].startswith(f"stopped  {folder}/shop")
    assert done.stderr.startswith("ocr-router: OCR_PORT=x: must be 1 to 65535 (no router is asked)")
    assert done.returncode == 0
