"""Programs that are measured: started on their core, watched through ``/proc``, surely ended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PATIENCE = 10.0  # seconds that a program gets to end by itself


@dataclass(frozen=True, slots=True)
class Running:
    """A program in a process group of its own. ``log`` has what it wrote."""

    process: subprocess.Popen[bytes]
    log: Path

    def cpu(self, pids: Sequence[int]) -> float:
        """Return the seconds of CPU that these (``pids()``) have taken."""
        return sum(cpu_ticks(_read(pid, "stat")) for pid in pids) / _TICK

    def memory(self) -> int:
        """Return the bytes of memory that it and its children have in RAM."""
        return sum(resident_bytes(_read(pid, "status")) for pid in self.pids())

    def ended(self) -> str:
        """Return the last lines of its log when it has ended, else nothing."""
        if self.process.poll() is None:
            return ""
        return f"ended with {self.process.returncode}: {self.last_words()}"

    def last_words(self) -> str:
        """Return the end of its log, on one line and without the folder's name."""
        text = self.log.read_text(errors="replace").replace(f"{self.log.parent}/", "")
        return " ".join(text.split())[-300:]

    def pids(self) -> list[int]:
        """Return its process and all below. This takes a while: it reads of all processes."""
        stats = {int(p.name): _read(int(p.name), "stat") for p in Path("/proc").glob("[0-9]*")}
        return family(self.process.pid, {pid: parent(stat) for pid, stat in stats.items() if stat})


@contextmanager
def running(
    argv: Sequence[str],
    *,
    core: str,
    folder: Path,
    environment: Mapping[str, str],
    name: str = "log",
) -> Iterator[Running]:
    """Run a program in ``folder`` on ``core`` for the length of the block; stdin is a pipe."""
    log = folder.with_name(f"{folder.name}.{name}")
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", core, *argv],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Running(process, log)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program and whatever it has started in its group."""
    with suppress(ProcessLookupError):
        if process.poll() is None:
            process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with suppress(OSError):
                pipe.close()


def family(pid: int, parents: Mapping[int, int]) -> list[int]:
    """Return ``pid`` and its descendants, given each process's parent."""
    children: dict[int, list[int]] = {}
    for child, above in parents.items():
        children.setdefault(above, []).append(child)
    found = [pid]
    for one in found:  # grows while it is walked
        found.extend(children.get(one, ()))
    return found


def parent(stat: str) -> int:
    """Return the parent in a line of ``/proc/PID/stat``."""
    return int(_after_name(stat)[1])


def cpu_ticks(stat: str) -> int:
    """Return utime + stime in a line of ``/proc/PID/stat``; 0 for a process that is gone."""
    fields = _after_name(stat)
    return int(fields[11]) + int(fields[12]) if fields else 0


def resident_bytes(status: str) -> int:
    """Return VmRSS in ``/proc/PID/status``; 0 for a process that is gone."""
    lines: Iterable[list[str]] = (line.split() for line in status.splitlines())
    return next((int(words[1]) * 1024 for words in lines if words[:1] == ["VmRSS:"]), 0)


def _after_name(stat: str) -> list[str]:
    return stat.rpartition(")")[2].split()


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""
