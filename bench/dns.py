"""``python -m bench.dns``: the fallback DNS beside dnsmasq, in turns, each alone on one core."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import machine
from bench.processes import Running, running
from bench.rig import until

_ROOT = Path(__file__).resolve().parent.parent
_NAMES = 20  # projects; each is asked for with A and AAAA, and so all is cached soon
_ADDRESSES = ("192.0.2.10", "2001:db8::10")
_RATE = re.compile(r"Queries per second:\s+([\d.]+)")
_ANSWERED = re.compile(r"Queries completed:\s+(\d+)")
_NEEDED = ("dnsmasq", "dnsperf", "taskset", "dig")


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server: its name, and the command that runs it at a port of 127.0.0.1."""

    name: str
    command: Callable[[Path, int], list[str]]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    program: Running
    port: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Answers per second, and per second of the server's CPU: others use the machine, too."""

    rate: float
    per_cpu: float


def _ours(loop: str) -> Callable[[Path, int], list[str]]:
    return lambda _folder, port: [sys.executable, "-m", "bench.dns", "--serve", loop, str(port)]


def _dnsmasq(folder: Path, port: int) -> list[str]:
    hosts = folder / "hosts"
    hosts.write_text("".join(f"{ip} {name}\n" for name in _names() for ip in _ADDRESSES))
    options = f"--port={port} --no-resolv --no-hosts --addn-hosts={hosts} --local=/local/"
    options += " --listen-address=127.0.0.1 --bind-interfaces --user= --group= --pid-file="
    return ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", *options.split()]


CONTESTANTS = (
    Contestant("ours (uvloop)", _ours("uvloop")),
    Contestant("ours (asyncio)", _ours("asyncio")),
    Contestant("dnsmasq", _dnsmasq),
)


def main() -> int:
    """Measure, and print a table; return the exit code."""
    options = _parser().parse_args()
    if options.serve:
        return _serve(options.serve[0], int(options.serve[1]))
    if missing := [name for name in _NEEDED if not shutil.which(name)]:
        print(f"needs {', '.join(missing)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder, ExitStack() as ends:
        servers = {
            one.name: ends.enter_context(_started(one, Path(folder) / str(number)))
            for number, one in enumerate(CONTESTANTS)
        }
        found = _contest(servers, _questions(Path(folder)), options)
    print("\n".join(table(found)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.dns", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="of each run (default 3)")
    parser.add_argument("--serve", nargs=2, metavar=("LOOP", "PORT"), help=argparse.SUPPRESS)
    return parser


def _names() -> list[str]:
    return [f"project-{number}-alice.local" for number in range(_NAMES)]


def _questions(folder: Path) -> Path:
    questions = folder / "questions"
    questions.write_text("".join(f"{name} {kind}\n" for name in _names() for kind in ("A", "AAAA")))
    return questions


@contextmanager
def _started(contestant: Contestant, folder: Path) -> Iterator[Server]:
    """Run a server on the core for servers; all answers are in its cache when the block begins."""
    folder.mkdir()
    port, core = machine.free_port(), machine.cores().proxy
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    command = contestant.command(folder, port)
    with running(command, core=core, folder=folder, environment=environment) as program:
        for name in _names():
            for kind, address in zip(("A", "AAAA"), _ADDRESSES, strict=True):
                until(lambda: _ask(port, name, kind) == [address], program)  # noqa: B023 - at once
        yield Server(program, port)


def _ask(port: int, name: str, kind: str) -> list[str]:
    line = f"dig @127.0.0.1 -p {port} +short +tries=1 +timeout=1 {name} {kind}"
    run = subprocess.run(line.split(), capture_output=True, text=True, check=False)
    return run.stdout.split()


def _contest(
    servers: Mapping[str, Server], questions: Path, options: argparse.Namespace
) -> dict[str, list[Figures]]:
    found: dict[str, list[Figures]] = {name: [] for name in servers}
    for number in range(options.rounds):
        for name, server in servers.items():
            found[name].append(_measured(server, questions, options.seconds))
        last = ", ".join(f"{name} {of[-1].rate:,.0f}" for name, of in found.items())
        print(f"round {number + 1}: {last}", file=sys.stderr, flush=True)
    return found


def _measured(server: Server, questions: Path, seconds: int) -> Figures:
    """Let dnsperf ask, on the core for load."""
    load = f"dnsperf -s 127.0.0.1 -p {server.port} -d {questions} -l {seconds} -c 4 -q 100"
    command = ["taskset", "-c", machine.cores().load, *load.split()]
    pids = server.program.pids()
    before = server.program.cpu(pids)
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    busy = server.program.cpu(pids) - before
    return figures(text, busy)


def figures(said: str, busy: float) -> Figures:
    """Return what dnsperf has found; ``busy`` are the seconds of CPU that the server took."""
    answered, rate = _ANSWERED.search(said), _RATE.search(said)
    if answered is None or rate is None:
        raise ValueError(said)
    return Figures(float(rate[1]), int(answered[1]) / busy)


def table(found: Mapping[str, Sequence[Figures]]) -> list[str]:
    """Return the lines of the report: medians, and their ratios to those of dnsmasq."""
    lines = ["| server | answers/s | of dnsmasq | answers/s of its CPU | of dnsmasq |"]
    lines.append("|---|---|---|---|---|")
    middles = {name: _middle(of) for name, of in found.items()}
    other = middles["dnsmasq"]
    for name, own in middles.items():
        rate = f"{own.rate:,.0f} | {own.rate / other.rate:.2f}"
        lines.append(
            f"| {name} | {rate} | {own.per_cpu:,.0f} | {own.per_cpu / other.per_cpu:.2f} |"
        )
    return lines


def _middle(of: Sequence[Figures]) -> Figures:
    return Figures(median(one.rate for one in of), median(one.per_cpu for one in of))


def _serve(loop: str, port: int) -> int:
    """Run our server until it is ended."""
    import uvloop

    from opencoderouter.announce.dns.server import Dns, Settings
    from opencoderouter.core.announcement import Announcement, Service
    from opencoderouter.watch import Watch

    services = frozenset(Service("_opencode._tcp", n.split(".")[0], 8080) for n in _names())
    told = Watch(Announcement(services, _ADDRESSES))
    dns = Dns(Settings((("127.0.0.1", port),)), told, 1)
    factory = uvloop.new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(dns.run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
