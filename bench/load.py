"""The load generators: wrk for short requests, ``peers/load`` for all that wrk cannot do."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.answers import NAME
from bench.processes import stop
from bench.rig import Rig

_SCRIPT = Path(__file__).with_name("wrk.lua")
_GRACE = 60.0  # seconds beyond its time that a load generator gets


@dataclass(frozen=True, slots=True)
class Target:
    """Where the load goes: the proxy's port (or the backend's own) and the backend's."""

    port: int
    backend: int


@dataclass(frozen=True, slots=True)
class Done:
    """What a load generator did. ``p50`` and ``p99`` in seconds, where it measures them."""

    count: int
    seconds: float
    error: str = ""
    p50: float = 0.0
    p99: float = 0.0


@dataclass(frozen=True, slots=True)
class Wrk:
    """A run of wrk. ``kind`` is an argument of wrk.lua."""

    kind: str
    target: str
    connections: int
    seconds: int
    close: bool = False

    def run(self, rig: Rig, to: Target, started: Callable[[], None]) -> Done:
        """Run it; ``started`` is called when it begins."""
        close = ("-H", "Connection: close") if self.close else ()
        argv = (
            *(str(rig.tools.found["wrk"]), "-t1", f"-c{self.connections}", f"-d{self.seconds}s"),
            *("-s", str(_SCRIPT), "-H", f"Host: {NAME}:{to.port}", *close),
            *(f"http://127.0.0.1:{to.port}{self.target}", "--", self.kind),
        )
        started()
        return read_wrk(_finish(_spawn(rig, argv), self.seconds))


@dataclass(frozen=True, slots=True)
class Own:
    """A run of ``peers/load``. ``opens``: it says when all its connections are open."""

    kind: str
    connections: int
    seconds: float
    opens: bool = False

    def run(self, rig: Rig, to: Target, started: Callable[[], None]) -> Done:
        """Run it; ``started`` is called when its connections are open."""
        process = _spawn(rig, own_argv(rig, to, self.kind, self.connections, self.seconds))
        line = _first_line(process) if self.opens else ""
        started()
        return read_own(line + _finish(process, self.seconds))


def own_argv(
    rig: Rig, to: Target, kind: str, connections: int, seconds: float = 0
) -> Sequence[str]:
    """Return the command line of ``peers/load``."""
    flags = {
        "-host": NAME,
        "-port": to.port,
        "-backend": to.backend,
        "-connections": connections,
        "-seconds": seconds,
    }
    arguments = [str(part) for flag in flags.items() for part in flag]
    return (str(rig.tools.found["load"]), *arguments, kind)


def read_wrk(output: str) -> Done:
    """Return what the line of wrk.lua says; an error of any kind is one of the run."""
    line = re.search(r"^bench (.*)$", output, re.MULTILINE)
    if line is None:
        return Done(0, 0, f"wrk: {output.strip()[-200:] or 'no output'}")
    said = {name: int(value) for name, value in (part.split("=") for part in line[1].split())}
    count, duration = said.pop("requests"), said.pop("microseconds")
    wrong = " ".join(f"{name}={value}" for name, value in said.items() if value)
    return Done(count, duration / 1e6, f"wrk: {wrong}" if wrong else "")


def read_own(output: str) -> Done:
    """Return what the last line of ``peers/load`` says."""
    try:
        return Done(**json.loads(output.strip().splitlines()[-1]))
    except (ValueError, TypeError, IndexError):
        return Done(0, 0, f"load: {output.strip()[-200:] or 'no output'}")


def _spawn(rig: Rig, argv: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["taskset", "-c", rig.cores.load, *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _first_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout  # noqa: S101 - _spawn() asked for it
    timer = threading.Timer(_GRACE, process.kill)
    timer.start()
    try:
        return process.stdout.readline().decode()
    finally:
        timer.cancel()


def _finish(process: subprocess.Popen[bytes], seconds: float) -> str:
    try:
        output, _ = process.communicate(timeout=seconds + _GRACE)
        return output.decode(errors="replace")
    except subprocess.TimeoutExpired:
        return "it did not end"
    finally:
        stop(process)
