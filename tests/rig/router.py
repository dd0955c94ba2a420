"""The router as its user runs it: a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from types import MappingProxyType

from tests.rig import http, workers
from tests.rig.http import Json
from tests.rig.ports import free_port, free_range
from tests.rig.wait import until

_NONE: Mapping[str, object] = MappingProxyType({})
COMMAND = Path(sys.executable).with_name("ocr-router")


@dataclass(frozen=True, slots=True)
class Router:
    """A running router and its own scan range."""

    port: int
    scan: range
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        """Return the address without a slash at its end."""
        return f"http://localhost:{self.port}"

    def backends(self) -> list[Json]:
        """Return ``/api/backends``."""
        return list(http.get(f"{self.url}/api/backends"))

    def find(self, directory: Path) -> Json | None:
        """Return the entry of a directory, if it is there."""
        entries = self.backends()
        return next((e for e in entries if e["project_path"] == str(directory)), None)

    def ready(self, directory: Path) -> Json:
        """Return the entry of a directory when its server has answered."""

        def probe() -> Json:
            entry = self.find(directory)
            return entry if entry and entry["status"] == "ready" else None

        return until(probe, within=90, what=self.log.read_text)

    def stop(self) -> int:
        """End it as Ctrl-C's twin does; return its exit code."""
        self.process.terminate()
        return self.process.wait(60)


@contextmanager
def router(
    projects: Sequence[Path],
    *,
    environment: Mapping[str, str],
    log: Path,
    ready: bool = True,
    by: Sequence[str] = (),
    flags: Mapping[str, object] = _NONE,
) -> Iterator[Router]:
    """Run a router on loopback; its API answers, and its projects too, when the block begins.

    ``by`` is a command that runs it, such as ``prlimit``; ``flags`` are more of them, or others.
    Of one that speaks TLS it is known only that it listens.
    """
    port, scan = int(str(flags.get("--port") or free_port())), free_range()
    every = {
        "--hostname": "127.0.0.1",
        "--port": port,
        "--username": "rig",
        "--scan-start": scan[0],
        "--scan-end": scan[-1],
        "--workers": workers.count,
        **flags,
    }
    arguments = [str(part) for flag in every.items() for part in flag]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*by, COMMAND, "serve", "--mdns=false", *arguments, *map(str, projects)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    result = Router(port, scan, process, log)
    try:
        _wait(result)
        for project in projects if ready else ():
            result.ready(project)
        yield result
    finally:
        if process.poll() is None:
            result.stop()


def _wait(router: Router) -> None:
    def probe() -> bool:
        assert router.process.poll() is None, router.log.read_text()
        try:
            reply = http.request("GET", f"{router.url}/api/health", timeout=5)
        except (OSError, HTTPException):
            return False
        return reply.status == 400 or (reply.status == 200 and reply.json["healthy"])

    until(probe, what=router.log.read_text)
