"""The first and the next sweep of a hundred SSH hosts: ours, and ``ssh`` processes beside it.

All ask the same (``true``), ten hosts at a time, in turn. Needs root, sshd and ssh.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.sshds import Sshds, sshds

_ROOT = Path(__file__).resolve().parent.parent
_AT_ONCE = 10  # hosts, as `polling.max_parallel` has it
_WITHIN = 10.0  # seconds for a host
_TICK = os.sysconf("SC_CLK_TCK")
_MASTER = re.compile(r"pid=(\d+)")
Ask = Callable[[str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Sweep:
    """How long a sweep took, and how much CPU of the client: seconds."""

    wall: float
    cpu: float


def main() -> int:
    """Measure, and print a table; return the exit code."""
    options = _parser().parse_args()
    if options.contestant:
        return _contest(options.contestant, Path(options.config), options.aliases)
    if missing := [name for name in ("ssh", "ssh-keygen", "unshare") if not shutil.which(name)]:
        print(f"needs {', '.join(missing)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        found = _rounds(Path(folder), options.hosts, options.rounds)
    print("\n".join(table(found)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--config", help=argparse.SUPPRESS)
    parser.add_argument("aliases", nargs="*", help=argparse.SUPPRESS)
    return parser


def _rounds(folder: Path, hosts: int, rounds: int) -> dict[str, list[Sweep]]:
    found: dict[str, list[Sweep]] = {}
    with sshds(folder, hosts, hanging=1) as servers:
        for number in range(rounds):
            for name in CONTESTANTS:
                for sweep, figures in _run(name, servers).items():
                    found.setdefault(f"{name}, {sweep}", []).append(Sweep(*figures))
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return found


def _run(name: str, servers: Sshds) -> dict[str, list[float]]:
    hanging = name.endswith("one hangs")
    aliases = [one for one in servers.aliases if hanging or not one.startswith("mute")]
    arguments = ["--contestant", name, "--config", str(servers.config), *sorted(aliases)[::-1]]
    command = [sys.executable, "-m", "bench.fleet", *arguments]
    done = subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE)
    sweeps: dict[str, list[float]] = json.loads(done.stdout)
    return sweeps


def table(found: Mapping[str, Sequence[Sweep]]) -> list[str]:
    """Return the lines of the report: medians."""
    lines = ["| sweep | wall, s | CPU of the client, s |", "|---|---|---|"]
    for name, sweeps in found.items():
        wall, cpu = median(one.wall for one in sweeps), median(one.cpu for one in sweeps)
        lines.append(f"| {name} | {wall:.2f} | {cpu:.2f} |")
    return lines


def _contest(name: str, config: Path, aliases: Sequence[str]) -> int:
    print(json.dumps(asyncio.run(CONTESTANTS[name](config, aliases))))
    return 0


async def _ours(config: Path, aliases: Sequence[str]) -> dict[str, list[float]]:
    from opencoderouter.core.fleet.preferences import Polling, Ssh
    from opencoderouter.core.fleet.transport import Completed
    from opencoderouter.fleet.links import FleetLinks
    from opencoderouter.fleet.resolve import Resolver

    ssh = Ssh(config=str(config))
    async with FleetLinks(ssh, Polling(), Resolver(ssh.config).one) as links:

        async def ask(alias: str) -> bool:
            done = await links.link(alias).run("true", within=_WITHIN)
            return isinstance(done, Completed) and done.code == 0

        first = await _sweep(aliases, ask)
        return {"first": first, "next": await _sweep(aliases, ask)}


def _by_processes(*options: str) -> Callable[[Path, str], list[str]]:
    return lambda config, alias: ["ssh", "-F", str(config), "-o", "BatchMode=yes", *options, alias]


async def _processes(config: Path, aliases: Sequence[str]) -> dict[str, list[float]]:
    async def ask(alias: str) -> bool:
        return await _ends_well([*_by_processes()(config, alias), "true"])

    return {"each": await _sweep(aliases, ask)}


async def _masters(config: Path, aliases: Sequence[str]) -> dict[str, list[float]]:
    with _sockets() as folder:
        kept = f"-oControlMaster=auto -oControlPersist=60 -oControlPath={folder}/%C".split()
        argv = _by_processes(*kept)

        async def ask(alias: str) -> bool:
            return await _ends_well([*argv(config, alias), "true"])

        first = await _sweep(aliases, ask)
        cpu = _cpu_of_masters(config, aliases, argv)
        again = await _sweep(aliases, ask)
        more = _cpu_of_masters(config, aliases, argv) - cpu
        for alias in aliases:
            await _ends_well([*argv(config, alias)[:-1], "-O", "exit", alias])
    return {"first": [first[0], first[1] + cpu], "next": [again[0], again[1] + more]}


CONTESTANTS = {
    "ours": _ours,
    "ours, one hangs": _ours,
    "ssh processes": _processes,
    "ssh with ControlMaster": _masters,
}


async def _sweep(aliases: Sequence[str], ask: Ask) -> list[float]:
    """Return seconds until all hosts have answered, but those that hang, and of CPU."""
    room = asyncio.Semaphore(_AT_ONCE)
    ends: list[float] = []

    async def one(alias: str) -> None:
        async with room:
            well = await ask(alias)
        if well is alias.startswith("mute"):
            raise RuntimeError(f"{alias}: {'answers' if well else 'does not answer'}")
        if well:
            ends.append(time.perf_counter())

    began, cpu = time.perf_counter(), _cpu()
    async with asyncio.TaskGroup() as group:
        for alias in aliases:
            group.create_task(one(alias), name=alias)
    return [max(ends) - began, _cpu() - cpu]


async def _ends_well(command: Sequence[str]) -> bool:
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command, stdin=quiet, stdout=quiet, stderr=quiet
    )
    return await process.wait() == 0


@contextmanager
def _sockets() -> Iterator[Path]:
    """Yield a folder whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _cpu() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _cpu_of_masters(
    config: Path, aliases: Sequence[str], argv: Callable[[Path, str], list[str]]
) -> float:
    """Return what the masters have taken: they are nobody's children."""
    ticks = 0
    for alias in aliases:
        check = [*argv(config, alias)[:-1], "-O", "check", alias]
        said = subprocess.run(check, check=True, capture_output=True, text=True).stderr
        if found := _MASTER.search(said):
            fields = Path(f"/proc/{found[1]}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICK


if __name__ == "__main__":
    sys.exit(main())
