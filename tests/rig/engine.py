"""Container engines: Docker and Podman, each with a Docker API that testcontainers can use."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rig.wait import until

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "opencoderouter-rig"
_NETAVARK = Path("/usr/lib/podman/netavark")  # without it podman 4 has the older CNI
_STORAGE = '[storage]\ndriver = "overlay"\ngraphroot = "{}"\nrunroot = "{}"\n'
_SOCKET = "unix:///var/run/docker.sock"
# For testcontainers: its reaper is an image that cannot be pulled everywhere, and where a file
# /.dockerenv exists it would take itself to be in a container.
_TESTCONTAINERS = {
    "TESTCONTAINERS_RYUK_DISABLED": "true",
    "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
}
Completed = subprocess.CompletedProcess[str]


class MissingEngineError(Exception):
    """An engine is not here and cannot be started; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine: its command, and what whoever uses it has to add to the environment."""

    name: str
    program: str
    variables: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """Return the whole environment for a command that uses the engine."""
        return {**os.environ, **self.variables}

    def call(self, *argv: object, timeout: float = 120) -> Completed:
        """Run the engine's command, whether it fails or not."""
        command = [self.program, *map(str, argv)]
        return _call(command, self.environment, timeout)

    def run(self, *argv: object, timeout: float = 120) -> str:
        """Run the engine's command, which must not fail; return what it prints."""
        done = self.call(*argv, timeout=timeout)
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout.strip()

    def has(self, image: str) -> bool:
        """Tell whether there is an image of that name."""
        return self.call("image", "inspect", image).returncode == 0


@contextmanager
def docker(folder: Path) -> Iterator[Engine]:
    """Use the Docker that answers, or run one while the block lasts, which keeps its images.

    Raises MissingEngineError when there is none, and none can be started.
    """
    program = _docker_program()
    engine = _docker(program, os.environ.get("DOCKER_HOST") or _SOCKET)
    if engine.call("version").returncode == 0:
        yield engine
        return
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        raise MissingEngineError("no Docker answers; to start one takes root and dockerd")
    engine = _docker(program, f"unix://{folder}/docker.sock")
    options = f"--host {engine.variables['DOCKER_HOST']} --data-root {CACHE / 'docker'}"
    options += f" --exec-root {folder}/exec --pidfile {folder}/docker.pid"
    try:
        with _service(["dockerd", *options.split()], engine, folder / "docker.log"):
            yield engine
            engine.call("image", "prune", "--force")  # those of older sources
    finally:
        _unmount(folder)


def _unmount(folder: Path) -> None:
    """Take away what engines leave mounted, which holds the folder."""
    mounts = (line.split()[1] for line in Path("/proc/mounts").read_text().splitlines())
    for mount in mounts:
        if Path(mount).is_relative_to(folder):
            subprocess.run(["umount", "--lazy", mount], check=True)


@contextmanager
def podman(folder: Path) -> Iterator[Engine]:
    """Use Podman, with its API service on a socket of its own while the block lasts.

    Root's has images of its own, which are kept: those of whoever runs the tests stay as they are.

    Raises MissingEngineError when it is not installed.
    """
    program = shutil.which("podman")
    if program is None:
        raise MissingEngineError("needs podman")
    configuration = folder / "containers.conf"
    configuration.write_text(_podman_configuration())
    socket = f"unix://{folder}/podman.sock"
    names = {"CONTAINERS_CONF": str(configuration), "DOCKER_HOST": socket}
    if os.geteuid() == 0:
        storage = folder / "storage.conf"
        storage.write_text(_STORAGE.format(CACHE / "podman", folder / "podman-run"))
        names["CONTAINERS_STORAGE_CONF"] = str(storage)
    engine = Engine("podman", program, {**_TESTCONTAINERS, **names})
    log = folder / "podman.log"
    try:
        with _service([program, "system", "service", "--time=0", socket], engine, log):
            until((folder / "podman.sock").exists, what=log.read_text)
            yield engine
            if os.geteuid() == 0:
                engine.call("image", "prune", "--force")  # those of older sources
    finally:
        _unmount(folder)
        _unmount(CACHE / "podman")


def _docker(program: str, host: str) -> Engine:
    names = {"DOCKER_HOST": host, "DOCKER_BUILDKIT": "1"}
    return Engine("docker", program, {**_TESTCONTAINERS, **names})


def _docker_program() -> str:
    """Return the first ``docker`` of PATH that can build with secrets: some lack their plugin."""
    for folder in os.get_exec_path():
        program = shutil.which("docker", path=folder)
        if program is None:
            continue
        command = [program, "build", "--help"]
        if "--secret" in _call(command, {**os.environ, "DOCKER_BUILDKIT": "1"}).stdout:
            return program
    raise MissingEngineError("needs docker with BuildKit (Debian: docker.io)")


def _podman_configuration() -> str:
    """Return what lets Podman run also where there is no systemd and not every capability.

    Limits: by default it raises them. crun refuses the mixed control groups that a virtual machine
    may have. The network is what a new podman takes: this one stays with what it once had. What
    watches over a command in a container would stay for five minutes. All of it is used always, so
    that the tests meet the same Podman everywhere.
    """
    runtime = 'runtime = "runc"\n' if shutil.which("runc") else ""
    network = '[network]\nnetwork_backend = "netavark"\n' if _NETAVARK.exists() else ""
    return (
        '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
        f'[engine]\n{runtime}cgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        "exit_command_delay = 10\n"
        f"{network}"
    )


@contextmanager
def _service(command: list[str], engine: Engine, log: Path) -> Iterator[None]:
    """Run what serves the API; it answers when the block begins."""
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command, env=engine.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        ) as process,
    ):

        def answers() -> bool:
            assert process.poll() is None, log.read_text()
            return engine.call("version").returncode == 0

        try:
            until(answers, what=log.read_text)
            yield
        finally:
            process.terminate()


def _call(command: list[str], environment: Mapping[str, str], timeout: float = 120) -> Completed:
    return subprocess.run(
        command,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=timeout,
    )
