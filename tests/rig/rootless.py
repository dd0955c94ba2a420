"""A user of this machine who has podman, and root has no part in it.

The machine learns nothing of that user: who runs as one sees user lists of the tests' own.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.rig.engine import Completed, Engine
from tests.rig.program import stand_in
from tests.rig.wait import until

NAME, UID = "carol", 4747
_RANGE = f"{NAME}:6000000:65536\n"  # more users, for the containers
_LISTS = ("passwd", "group", "subuid", "subgid")
_NEEDS = ("podman", "newuidmap", "unshare", "setpriv")
_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder in it has a name of its own
_LOCK = _MEMORY / f"libpod_rootless_lock_{UID}"
_SOURCES = Path(__file__).parents[2] / "src"
_SAY = 'for list in {lists}; do mount --bind "$0/$list" "/etc/$list"; done; {more} cd "$1"; shift; '
_AS_USER = f"setpriv --reuid {UID} --regid {UID} --clear-groups --reset-env env"


@dataclass(frozen=True, slots=True)
class Rootless:
    """The user, whose home and lists are in ``folder``."""

    folder: Path

    def call(self, *argv: object, more: Mapping[str, str] | None = None) -> Completed:
        """Run a command as the user, whether it fails or not."""
        command = self._command(self.folder / "home", {**self._variables(), **(more or {})})
        return subprocess.run(
            [*command, *map(str, argv)],
            capture_output=True,
            check=False,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )

    def run(self, *argv: object, more: Mapping[str, str] | None = None) -> str:
        """Run a command as the user, which must not fail; return what it prints."""
        done = self.call(*argv, more=more)
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout.strip()

    @contextmanager
    def serving(self, project: str, port: int) -> Iterator[Path]:
        """Run a stand-in for ``opencode serve`` as the user; yield its directory."""
        directory = self.folder / "home" / project
        directory.mkdir()
        os.chown(directory, UID, UID)
        argv = ["opencode", "serve", "--port", str(port)]
        command = self._command(directory, self._variables(), mounts=self._python())
        with subprocess.Popen([*command, *argv], stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                assert b"listening" in process.stdout.readline()
                yield directory
            finally:
                process.kill()

    def _variables(self) -> dict[str, str]:
        python = f"{self.folder}/lib:{self.folder}/src"
        return {
            "HOME": f"{self.folder}/home",
            "XDG_RUNTIME_DIR": f"{self.folder}/run",
            "PATH": f"{self.folder}/bin:/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin",
            "PYTHONPATH": python,
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _python(self) -> dict[str, Path]:
        """Return what the user needs of ours, which may be in a home that is closed."""
        library = Path(sysconfig.get_path("purelib"))
        return {"python": Path(sys.base_prefix), "lib": library, "src": _SOURCES}

    def _command(
        self, where: Path, variables: dict[str, str], mounts: Mapping[str, Path] | None = None
    ) -> list[str]:
        binds = [f'mount --bind {path} "$0/{name}";' for name, path in (mounts or {}).items()]
        script = _SAY.format(lists=" ".join(_LISTS), more=" ".join(binds))
        pairs = [f"{name}={value}" for name, value in variables.items()]
        script += f'exec {_AS_USER} {" ".join(pairs)} "$@"'
        return ["unshare", "--mount", "sh", "-c", f"set -e; {script}", str(self.folder), str(where)]


@contextmanager
def rootless(engine: Engine, image: str) -> Iterator[Rootless]:
    """Make the user, with an image of root's podman; all of it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ocr-rootless-", dir=_place()) as path:
        user = Rootless(Path(path))
        _prepare(user.folder, Path(engine.variables["CONTAINERS_CONF"]))
        archive = user.folder / "image.tar"
        engine.run("save", "--quiet", "--format", "docker-archive", "--output", archive, image)
        archive.chmod(0o644)
        try:
            user.run("podman", "load", "--quiet", "--input", archive)
            yield user
        finally:
            user.call("podman", "rm", "--all", "--force", "--time", "5")
            user.call("podman", "unshare", "rm", "-rf", user.folder / "home/.local")
            _end_pause(user.folder)
            _LOCK.unlink(missing_ok=True)


def _place() -> Path:
    """Return where the user can be: in memory, as the image is unpacked there, or on the disk."""
    is_fit = _MEMORY.is_dir() and not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC
    return _MEMORY if is_fit else Path(tempfile.gettempdir())


def _prepare(folder: Path, configuration: Path) -> None:
    folder.chmod(0o755)
    for name in ("home/.config/containers", "run", "python", "lib", "src"):
        (folder / name).mkdir(parents=True)
    stand_in(folder / "bin", python=f"{folder}/python/bin/python3.{sys.version_info[1]}")
    settings = folder / "home/.config/containers"
    shutil.copy(configuration, settings / "containers.conf")
    # Else it may copy each layer whole, which takes four times as long.
    (settings / "storage.conf").write_text('[storage]\ndriver = "overlay"\n')
    entry = f"{NAME}:x:{UID}:{UID}::{folder}/home:/bin/sh\n"
    (folder / "passwd").write_text(Path("/etc/passwd").read_text() + entry)
    (folder / "group").write_text(Path("/etc/group").read_text() + f"{NAME}:x:{UID}:\n")
    for name in ("subuid", "subgid"):
        (folder / name).write_text(_RANGE)
    for one in [folder / "home", *(folder / "home").rglob("*"), folder / "run"]:
        os.chown(one, UID, UID)
    (folder / "run").chmod(0o700)


def _end_pause(folder: Path) -> None:
    """End the process that has kept the user's namespace."""
    file = folder / "run/libpod/tmp/pause.pid"
    if not file.exists():
        return
    pid = int(file.read_text())
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{pid}").exists())


# For tests: @needs_rootless
_MISSING = [one for one in _NEEDS if not shutil.which(one)] + (["root"] if os.getuid() else [])
needs_rootless = pytest.mark.skipif(bool(_MISSING), reason=f"needs {', '.join(_MISSING)}")
