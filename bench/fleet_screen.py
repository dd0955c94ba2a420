"""The screen of `ocr` with 200 hosts and 5,000 sessions, in a real terminal (a pseudo-terminal).

`python -m bench.fleet_screen` takes a minute; `--slow` watches it for 30 minutes, while the fleet
changes, for what grows. The first frame is that of the program itself, with its cache and 200 hosts
that refuse; all else is of its screen, with a recorded fleet.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import pickle
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.fakes_fleet import FakeControl
from tests.rig.roster import NOW, made_up, quiet

from opencoderouter.core.fleet.fleet import Fleet
from opencoderouter.core.fleet.preferences import Preferences
from opencoderouter.fleet.cache import CacheFile
from opencoderouter.preferences.defaults import generate
from opencoderouter.watch import Watch
from opencoderouter.wiring.clock import clock
from opencoderouter.wiring.remote import cache_path

HOSTS, SESSIONS = 200, 5000
CELLS, LINES = 140, 40
_FRAME = b"\x1b[?2026l"  # ends a frame for a terminal that draws frames whole
_ASKED, _ANSWER = b"\x1b[?2026$p", b"\x1b[?2026;2$y"
_PATIENCE = 20.0
_QUIET = 0.15
_READY, _HOST = b"1/1,529", b"prod-"
_OCR = "from opencoderouter.cli.remote_start import Chosen, show; show(Chosen(ssh_config={!r}), ())"


@dataclass
class Screen:
    """The program, and the terminal that it runs in."""

    pid: int
    terminal: int

    def press(self, keys: bytes) -> None:
        """Type."""
        os.write(self.terminal, keys)

    def until(self, what: Callable[[bytes], bool], within: float = _PATIENCE) -> float | None:
        """Read until ``what`` is so of all that came; return when that was."""
        came, end = b"", time.perf_counter() + within
        while (rest := end - time.perf_counter()) > 0:
            if select.select([self.terminal], [], [], rest)[0]:
                came += os.read(self.terminal, 1 << 16)
                if _ASKED in came:
                    came = came.replace(_ASKED, b"")
                    os.write(self.terminal, _ANSWER)
                if what(came):
                    return time.perf_counter()
        return None

    def frame(self, within: float = _PATIENCE) -> float | None:
        """Return when the next frame was there."""
        return self.until(lambda came: _FRAME in came, within)

    def settle(self) -> float | None:
        """Read until nothing comes any more; return when the last frame was there."""
        last = None
        while (now := self.frame(_QUIET)) is not None:
            last = now
        return last

    def figure(self, name: str) -> float:
        """Return a figure of /proc/PID/status in MiB."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
        return 0

    def cpu(self) -> float:
        """Return the seconds of processor that all its threads have used."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(one.read_text().split()[0]) for one in threads) / 1e9


def shown(recorded: Path, *options: str) -> AbstractContextManager[Screen]:
    """Show a recorded fleet."""
    return running("-m", "bench.fleet_screen", "--child", str(recorded), *options)


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[Screen]:
    """Run Python in a terminal."""
    command = [sys.executable, *arguments]
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", LC_ALL="C.UTF-8")
        os.environ.update(environment)
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, CELLS, 0, 0))
        os.execv(command[0], command)  # noqa: S606 - ourselves
    try:
        yield Screen(pid, terminal)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def child(recorded: Path, *, every: float) -> None:
    """Show the recorded fleet, as `ocr` does."""
    from opencoderouter.tui.app import FleetApp

    with recorded.open("rb") as file:
        fleet: Fleet = pickle.load(file)  # noqa: S301 - our own
    watch = Watch(fleet)
    app = FleetApp(
        watch,
        FakeControl(),
        Watch(Preferences()),
        problems=Watch(()),
        clock=lambda: NOW + time.monotonic() % 20,
    )

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            change = group.create_task(_change(watch, every)) if every else None
            await app.run_async()
            if change is not None:
                change.cancel()

    asyncio.run(run())


async def _change(watch: Watch[Fleet], every: float) -> None:
    """Report each host again every so many seconds, as a prober does."""
    while True:
        for entry in list(watch.value.entries.values()):
            await asyncio.sleep(every / HOSTS)
            report = replace(entry.report, took=entry.report.took + 0.1) if entry.report else None
            good = report if entry.good is not None else None
            watch.set(watch.value.having(replace(entry, report=report, good=good)))


def first_paint(folder: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Return the seconds from exec to the first full frame of `ocr`, and those of processor."""
    config = folder / "ssh_config"
    environment = _home(folder, config)
    program = _OCR.format(str(config))
    taken, worked = [], []
    for _ in range(rounds):
        begun = time.perf_counter()
        with running("-c", program, **environment) as screen:
            end = screen.until(lambda came: _FRAME in came.partition(_HOST)[2])
            taken.append((end or begun + _PATIENCE) - begun)
            worked.append(screen.cpu())
    return taken, worked


def _home(folder: Path, config: Path) -> dict[str, str]:
    """Make what `ocr` finds of an earlier run, and hosts that refuse at once; return where."""
    fleet = quiet(made_up(HOSTS, SESSIONS, clock() - 30))
    ports = (f"Host {alias}\n HostName 127.0.0.1\n Port 1\n" for alias in fleet.entries)
    config.write_text("".join(ports))
    os.environ["XDG_CACHE_HOME"] = str(folder)
    cache = cache_path(str(config))
    cache.parent.mkdir(mode=0o700)
    CacheFile(cache, clock).save(fleet)
    generate(folder / ".opencode" / "remote-tui.yaml")
    return {"HOME": str(folder), "XDG_CACHE_HOME": str(folder), "XDG_STATE_HOME": str(folder)}


@dataclass
class Taken:
    """Milliseconds from each key to the first frame after it, to the last one, and of processor."""

    first: list[float]
    last: list[float]
    worked: list[float]


def keys(screen: Screen, pressed: list[bytes]) -> Taken:
    """Press keys, each when nothing is drawn any more."""
    taken = Taken([], [], [])
    for key in pressed:
        before, begun = screen.cpu(), time.perf_counter()
        screen.press(key)
        first = screen.frame(1)
        last = screen.settle() or first
        if first is not None and last is not None:
            taken.first.append(1000 * (first - begun))
            taken.last.append(1000 * (last - begun))
            taken.worked.append(1000 * (screen.cpu() - before))
    return taken


def told_keys(name: str, taken: Taken) -> None:
    """Print what keys took."""
    told(name, taken.first, "ms")
    told("  until all was drawn", taken.last, "ms")
    told("  processor", taken.worked, "ms")


def told(name: str, values: list[float], unit: str) -> None:
    """Print a line."""
    ranked = sorted(values)
    p95 = ranked[min(len(ranked) - 1, int(0.95 * len(ranked)))]
    print(
        f"{name:34} median {statistics.median(values):7.2f}  p95 {p95:7.2f}"
        f"  worst {ranked[-1]:7.2f} {unit}  ({len(values)})"
    )


def measure(recorded: Path, rounds: int) -> None:
    """Print all figures."""
    taken, worked = first_paint(recorded.parent, rounds)
    told("exec to first full frame", taken, "s")
    told("  of that, processor", worked, "s")
    with shown(recorded) as screen:
        screen.until(lambda came: _READY in came)
        screen.settle()
        told_keys("down, to the frame", keys(screen, [b"j"] * 100))
        told_keys("page down, to the frame", keys(screen, [b"\x1b[6~"] * 30))
        told_keys("open and close, to the frame", keys(screen, [b" ", b" ", b"j"] * 20))
        keys(screen, [b"/"])
        letters = [bytes([one]) for one in b"login form"]
        back = [b"\x7f"] * len(letters)
        told_keys("a letter of a search, to the frame", keys(screen, [*letters, *back]))
        screen.press(b"\x1b")
        screen.settle()
        idle(screen, 20)


def idle(screen: Screen, seconds: float) -> None:
    """Print what it takes to do nothing."""
    before, end = screen.cpu(), time.perf_counter() + seconds
    while time.perf_counter() < end:
        screen.frame(min(1, max(0.01, end - time.perf_counter())))
    print(
        f"idle for {seconds:g} s: {100 * (screen.cpu() - before) / seconds:.2f} % of a processor, "
        f"{screen.figure('VmRSS'):.1f} MiB"
    )


def lasting(recorded: Path, minutes: int, every: float) -> None:
    """Print, minute by minute, what it takes while all hosts report every so many seconds."""
    with shown(recorded, "--every", str(every)) as screen:
        screen.until(lambda came: _READY in came)
        for _ in range(minutes):
            idle(screen, 60)


def main() -> None:
    """Measure, or be what is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slow", action="store_true", help="30 minutes of a fleet that changes")
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--every", type=float, default=0, help="seconds between a host's reports")
    options = parser.parse_args()
    if options.child:
        child(options.child, every=options.every)
        return
    with tempfile.TemporaryDirectory() as folder:
        recorded = Path(folder, "fleet")
        recorded.write_bytes(pickle.dumps(quiet(made_up(HOSTS, SESSIONS))))
        if options.slow:
            lasting(recorded, options.minutes, options.every or 30)
        else:
            measure(recorded, options.rounds)


if __name__ == "__main__":
    main()
