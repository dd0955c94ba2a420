"""The proxies side by side, in turn: A B C, A B C, and so on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.answers import NAME, wrong, wrong_job
from bench.cases import Case, Sample, measure
from bench.load import Target
from bench.machine import free_port
from bench.processes import Running
from bench.proxies import DIRECT, Missing, Proxy
from bench.rig import Rig, say, until

Cells = dict[tuple[str, str], list[Sample]]  # by case and proxy


@dataclass(slots=True)
class Contest:
    """The proxies that run, each with its port, before one backend."""

    rig: Rig
    backend: int
    running: dict[str, tuple[Running | None, int]] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)

    def measure(self, cases: Sequence[Case], rounds: int) -> Cells:
        """Measure all; a proxy that fails a case is not asked again there."""
        cells: Cells = {}
        for case in cases:
            say(f"{case.key}")
            for _ in range(rounds):
                for key, (proxy, port) in self.running.items():
                    runs = cells.setdefault((case.key, key), [])
                    if not any(run.error for run in runs):
                        to = Target(port, self.backend)
                        runs.append(measure(self.rig, case, to, proxy))
        return cells


def start_backend(rig: Rig, stack: ExitStack) -> int:
    """Run the one backend; the last part of its folder's name is the project's name."""
    folder, port = rig.folder / NAME.partition(".")[0], free_port()
    folder.mkdir()
    stack.enter_context(rig.backend(folder, port))
    return port


def start_all(rig: Rig, backend: int, proxies: Sequence[Proxy], stack: ExitStack) -> Contest:
    """Start the proxies and leave out what does not do its job; the last is no proxy."""
    contest = Contest(rig, backend)
    for proxy in proxies:
        try:
            contest.running[proxy.key] = _start(rig, proxy, backend, stack)
        except RuntimeError as error:
            contest.missing.append(Missing(proxy.title, str(error)))
    contest.running[DIRECT] = (None, backend)
    return contest


def _start(rig: Rig, proxy: Proxy, backend: int, stack: ExitStack) -> tuple[Running, int]:
    it, port = stack.enter_context(rig.proxy(proxy, backend))
    until(lambda: not wrong(port, "/small"), it)
    if why := wrong_job(port):
        raise RuntimeError(why)
    return it, port
