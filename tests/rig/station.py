"""The router on a host of the LAN, with projects of its own, and how other hosts are let in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.rig.http import Json
from tests.rig.lan import Host, Process
from tests.rig.program import stand_in
from tests.rig.router import COMMAND
from tests.rig.wait import until

OWNER = "alice"
PASSWORD = "correct-horse-battery"
PORT = 8080
SIGN_ON = ("--user", f"opencode:{PASSWORD}")  # to curl
_NONE: Mapping[str, object] = MappingProxyType({})
_SCAN = range(30000, 30008)


@dataclass(frozen=True, slots=True)
class Station:
    """A router that runs on a host. ``at`` is how its own host reaches it."""

    host: Host
    process: Process
    at: str = "localhost"

    def get(self, path: str) -> Json:
        """Return what its API answers who has the password."""
        return json.loads(self.host.curl(f"http://{self.at}:{PORT}{path}", *SIGN_ON))

    def tool(self, *argv: object) -> str:
        """Run ``ocr-router`` as its user does, on its host; return what it says."""
        given = environment(self.host)
        kept = [f"{name}={given[name]}" for name in ("PATH", "HOME", "OCR_STATE_DIR")]
        return self.host.run("env", *kept, COMMAND, *argv)

    def answers(self) -> bool:
        """Tell whether it does."""
        assert self.process.child.poll() is None, self.process.log.read_text()
        url = f"http://{self.at}:{PORT}/api/health"
        return self.host.call("curl", "--silent", "--fail", url).returncode == 0

    def ready(self, directory: Path) -> Json:
        """Return the entry of a project when its server has answered."""

        def probe() -> Json:
            rows = self.get("/api/backends")
            return next((row for row in rows if _is_ready(row, directory)), None)

        return until(probe, what=self.process.log.read_text)

    def domain(self, slug: str) -> str:
        """Return by what name it says that a project is on the network."""
        return next(str(row["domain"]) for row in self.get("/api/backends") if row["slug"] == slug)

    def announced(self, *slugs: str) -> None:
        """Return when its projects have their names, as who asks it alone can see."""

        def all_told() -> bool:
            return all(self.told(self.domain(slug)) for slug in slugs)

        until(all_told, what=self.process.log.read_text)

    def told(self, name: str, kind: str = "A") -> list[str]:
        """Return the data of a name's records, as it tells who asks it alone (RFC 6762 6.7)."""
        options = f"-p 5353 @{self.host.address} +short +tries=1 +timeout=1".split()
        lines = self.host.call("dig", *options, name, kind).stdout.splitlines()
        return [line for line in lines if not line.startswith(";")]


@contextmanager
def station(
    host: Host, *slugs: str, flags: Mapping[str, object] = _NONE, within: Path | None = None
) -> Iterator[Station]:
    """Run a router with projects that have these names; they are ready when the block begins.

    Its state is in the host's folder: a second router there knows what the first one knew.
    ``within`` is where the folders of the projects are; ``flags`` are more of them, or others; one
    without a value has an empty one.
    """
    projects = [(within or host.folder / "home") / slug for slug in slugs]
    with starting(host, projects, flags) as made:
        until(made.answers, what=made.process.log.read_text)
        for project in projects:
            made.ready(project)
        yield made


@contextmanager
def starting(
    host: Host, projects: Sequence[Path], flags: Mapping[str, object] = _NONE
) -> Iterator[Station]:
    """Run a router while the block lasts, of which it is not known how far it has come."""
    for project in projects:
        project.mkdir(parents=True, exist_ok=True)
    every = {
        "--hostname": "0.0.0.0",
        "--port": PORT,
        "--username": OWNER,
        "--scan-start": _SCAN[0],
        "--scan-end": _SCAN[-1],
        **flags,
    }
    arguments = [f"{name}={value}".removesuffix("=") for name, value in every.items()]
    command = (COMMAND, "serve", *arguments, *projects)
    with host.popen(*command, environment=environment(host)) as process:
        bound = str(every["--hostname"])
        yield Station(host, process, bound if bound == host.address else "localhost")
        if process.child.poll() is None:
            process.stop()


@contextmanager
def sidecar(host: Host, url: str, *options: object) -> Iterator[Process]:
    """Have a host answer DNS questions for a router while the block lasts."""
    listen = ("--listen", f"{host.address}:53", "--router", url)
    given = {**environment(host), "OCR_TOKEN": PASSWORD}
    with host.popen(COMMAND, "dns", *listen, *options, environment=given) as process:
        process.says("DNS at")
        yield process
        if process.child.poll() is None:
            process.stop()


@contextmanager
def serving(host: Host, directory: Path) -> Iterator[Process]:
    """Run a server of a project that no router has started, while the block lasts."""
    directory.mkdir(parents=True)
    program = host.folder / "bin" / "opencode"
    command = ("env", f"--chdir={directory}", program, "serve", "--port", _SCAN[-1])
    with host.popen(*command, environment=environment(host)) as process:
        process.says("listening")
        yield process


def environment(host: Host) -> dict[str, str]:
    """Return the environment of the user of a host."""
    path = f"{stand_in(host.folder / 'bin')}:{COMMAND.parent}:{os.environ['PATH']}"
    home = host.folder / "home"
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OCR_")}
    state = {"OCR_STATE_DIR": str(host.folder / "state"), "OCR_PASSWORD": PASSWORD}
    return {**kept, "PATH": path, "HOME": str(home), **state}


def _is_ready(row: Json, directory: Path) -> bool:
    return (row["project_path"], row["status"]) == (str(directory), "ready")
