"""Programs that Debian 12 lacks, out of packages of Debian 13 that are unpacked and not installed.

They are linked with nothing but libc, and run on the older one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from tests.rig.engine import CACHE

_ROOT = CACHE / "trixie"
QUADLET = _ROOT / "usr/libexec/podman/quadlet"
COMPOSE = _ROOT / "usr/libexec/docker/cli-plugins/docker-compose"
_PACKAGES = ("podman", "docker-compose")
_SOURCE = "deb http://deb.debian.org/debian trixie main\n"

# For tests: @needs_apt
needs_apt = pytest.mark.skipif(
    not _ROOT.exists() and shutil.which("apt-get") is None, reason="needs apt-get"
)


def trixie(program: Path) -> str:
    """Return one of these programs; the packages are fetched once for all runs (10 seconds)."""
    if not _ROOT.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            _fetch(Path(folder)).rename(_ROOT)
    return str(program)


def _fetch(folder: Path) -> Path:
    """Unpack the packages; apt gets lists and folders of its own, so that nothing here changes."""
    sources = folder / "sources.list"
    sources.write_text(_SOURCE)
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    places = {
        "Dir::State": folder / "state",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in places.items())]
    _run([*apt, "update"], folder)
    _run([*apt, "download", *_PACKAGES], folder)
    for package in folder.glob("*.deb"):
        _run(["dpkg", "-x", str(package), "root"], folder)
    return folder / "root"


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, env=os.environ, check=True, timeout=300)
