"""What a release consists of, built twice from two copies of the files that git has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_SECONDS = 1_790_000_000  # SOURCE_DATE_EPOCH, even: what a wheel can say
_TOOLS = ("pipx==1.18.4", "uv==0.13.9")
# How a machine reaches its package index is its own affair; all else is not to be inherited.
_KEPT = ("PIP_", "UV_", "SSL_", "REQUESTS_", "HTTP_", "HTTPS_", "NO_", "ALL_")


@dataclass(frozen=True, slots=True)
class Release:
    """The two files of a release, and the wheel as the sdist makes it."""

    wheel: Path
    sdist: Path
    wheel_of_sdist: Path

    def in_wheel(self) -> dict[str, bytes]:
        """Return the files of the wheel."""
        with zipfile.ZipFile(self.wheel) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def in_sdist(self) -> dict[str, bytes]:
        """Return the files of the sdist, by their names below its folder."""
        with tarfile.open(self.sdist) as archive:
            found = {one.name.partition("/")[2]: archive.extractfile(one) for one in archive}
            return {name: file.read() for name, file in found.items() if file}


@pytest.fixture(scope="session")
def files() -> list[str]:
    """Return the names of the files that git has, those not yet added included."""
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="session")
def release(files: list[str], tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Return what is built: the sdist, the wheel of it, and the wheel of the checkout.

    The last is built in another folder, from files of other times and modes.
    """
    first, second = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    _copy(files, ROOT, first / "tree", mode=0o644, time=1_600_000_000)
    _copy(files, first / "tree", second / "a folder", mode=0o600, time=1_700_000_001)
    (second / "a folder/src/opencoderouter/__pycache__").mkdir()
    (second / "a folder/src/opencoderouter/__pycache__/left.cpython-311.pyc").touch()
    _build(first / "tree", first / "dist")
    _build(second / "a folder", second / "dist", "--wheel")
    return Release(
        wheel=next((second / "dist").glob("*.whl")),
        sdist=next((first / "dist").glob("*.tar.gz")),
        wheel_of_sdist=next((first / "dist").glob("*.whl")),
    )


@pytest.fixture(scope="session")
def second_sdist(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sdist of the other folder."""
    folder = tmp_path_factory.mktemp("sdist")
    _build(release.wheel.parents[1] / "a folder", folder, "--sdist")
    return next(folder.iterdir())


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of ``pipx`` and ``uv``, which are installed into a venv of their own."""
    folder = tmp_path_factory.mktemp("tools")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = str(folder / "bin/pip")
    command = [pip, "install", "-q", "--disable-pip-version-check", *_TOOLS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs a package index: {done.stderr[-300:]}")
    return folder / "bin"


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where what was downloaded is kept for the next test."""
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment with an empty home, and nothing that a user has set."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    return {**kept, "HOME": str(home), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


def run(command: Sequence[str | Path], environment: Mapping[str, str]) -> str:
    """Run a command to its end and return what it prints; it must be well."""
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def _copy(files: Sequence[str], source: Path, folder: Path, *, mode: int, time: int) -> None:
    """Copy the files; whether one can be executed is kept, as git does."""
    for name in files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target)
        target.chmod(mode | ((source / name).stat().st_mode & 0o100))
        os.utime(target, (time, time))


def _build(tree: Path, out: Path, *what: str) -> None:
    """Run ``python -m build`` as ``make build`` does."""
    command = [sys.executable, "-m", "build", "--no-isolation", *what]
    run(
        [*command, "--outdir", str(out), str(tree)],
        {**os.environ, "SOURCE_DATE_EPOCH": str(_SECONDS)},
    )
