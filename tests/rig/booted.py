"""A machine of its own that real systemd has booted: its first process, its users' managers.

It is this machine's files, copied on write into memory, in namespaces: nothing here changes. It has
a user ``alice``, and the programs of this checkout where users have them.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from tests.rig.wait import until

USER, UID = "alice", 4321
_NEEDS = ("unshare", "nsenter", "setpriv", "runuser", "ip", "dbus-daemon", "loginctl")
_FILES = (
    "lib/systemd/systemd",
    "lib/systemd/systemd-logind",
    "lib/*/security/pam_systemd.so",
)
_SPACES = "unshare --pid --fork --kill-child --mount --cgroup --uts --ipc --net".split()
_ROOT = Path(__file__).parents[2]
Completed = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Machine:
    """A running machine; ``pid`` is its first process, seen from here."""

    pid: int

    def call(self, command: str, *, user: str = "root") -> Completed:
        """Run a line of shell to its end, as it is typed, whether it fails or not."""
        enter = f"nsenter -t {self.pid} -m -p -C -u -i -n -r -w".split()
        home = "/root" if user == "root" else f"/home/{user}"
        who = [] if user == "root" else ["runuser", "-u", user, "--"]
        environment = {
            "HOME": home,
            "USER": user,
            "PATH": f"{home}/.local/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "XDG_RUNTIME_DIR": f"/run/user/{UID}",
        }
        clean = ["env", "-i", *map("=".join, environment.items())]
        return subprocess.run(
            [*enter, *who, *clean, "sh", "-c", f"cd ~ && {command}"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run(self, command: str, *, user: str = "root") -> str:
        """Do the same; it must not fail. Return what it said."""
        done = self.call(command, user=user)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}{self.journal()}"
        return done.stdout.strip()

    def typed(self, lines: str, *, user: str = "root") -> None:
        """Run lines as they are typed in a clone of this repository."""
        for line in lines.strip().splitlines():
            self.run(f"cd /opt/ocr && {line}", user=user)

    def write(self, path: str, content: str, *, user: str = "root") -> None:
        """Write a file, and make the directories above it."""
        folder = path.rpartition("/")[0]
        self.run(f"mkdir -p {folder} && printf %s {shlex.quote(content)} >{path}", user=user)

    def journal(self) -> str:
        """Return the last lines of all logs."""
        return self.call("journalctl --no-pager -n 60").stdout


@contextmanager
def booted(work: Path) -> Iterator[Machine]:
    """Boot it in an empty directory; when the block ends, it is off.

    It is gone, too, when the tests are killed.
    """
    group = _cgroup()
    enter = f'echo $$ >{group}/cgroup.procs && exec "$@"'
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    places = [str(work), sys.base_prefix, python, sysconfig.get_path("purelib"), str(_ROOT)]
    command = ["setpriv", "--pdeathsig", "KILL", "sh", "-c", enter, "sh", *_SPACES]
    with (work.parent / f"{work.name}.log").open("w+") as log:
        script = Path(__file__).with_name("boot.sh")
        process = subprocess.Popen(
            [*command, "sh", str(script), *places], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            running = partial(_running, process, Path(log.name))
            yield Machine(until(running, what=Path(log.name).read_text))
        finally:
            process.kill()
            process.wait()
            until(lambda: _removed(group))


def _cgroup() -> Path:
    """Make a group of processes: systemd puts its own below the one it is in."""
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    where = next(Path(mount) for _, mount, kind, *_ in mounts if kind == "cgroup2")
    group = where / f"opencoderouter-rig-{os.getpid()}"
    group.mkdir()
    return group


def _removed(group: Path) -> bool:
    """Remove a group and those below it, unless something still ends there."""
    with suppress(OSError):
        for folder, _, _ in os.walk(group, topdown=False):
            Path(folder).rmdir()
    return not group.exists()


def _running(process: subprocess.Popen[bytes], log: Path) -> int:
    """Return the pid of the machine's first process once all is started, else 0."""
    assert process.poll() is None, log.read_text()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    if not children or Path(f"/proc/{children[0]}/comm").read_text() != "systemd\n":
        return 0
    pid = int(children[0])
    return 0 if Machine(pid).call("systemctl is-system-running").returncode else pid


def _missing() -> list[str]:
    programs = [program for program in _NEEDS if not shutil.which(program)]
    files = [name for name in _FILES if not any(Path("/").glob(name))]
    if programs or files:
        return programs + files
    made = subprocess.run([*_SPACES, "true"], capture_output=True, check=False).returncode == 0
    return [] if made and "cgroup2" in Path("/proc/mounts").read_text() else ["root, namespaces"]


# For tests: @needs_systemd
needs_systemd = pytest.mark.skipif(bool(_missing()), reason=f"needs {', '.join(_missing())}")
