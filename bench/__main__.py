"""``python -m bench``: installs what it can, measures, writes the report."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench import machine
from bench.alone import Alone, Effort, measure_alone
from bench.cases import Case, cases
from bench.contest import start_all, start_backend
from bench.footprint import footprints
from bench.install import Tools, install
from bench.proxies import DIRECT, TITLES, Proxy, proxies, tool_version
from bench.report import report
from bench.results import Plan, Results
from bench.rig import Rig

_ROOT = Path(__file__).resolve().parent.parent
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_EXTRA = ("start", "alone")  # what can be left out, beside the cases
_SLOW = frozenset(
    {"same-1", "same-512", "distinct-1", "distinct-512"}
)  # what a quick run leaves out
_QUICK = Effort(idle=5.0, settle=5.0, found=10, commands=5)


def main() -> int:
    """Run the bench; return the exit code."""
    for number in _SIGNALS:
        signal.signal(number, _stop)
    options = _parser().parse_args()
    every = cases(options.seconds)
    known = frozenset(case.key for case in every).union(_EXTRA)
    wanted = frozenset(options.only) or known - (_SLOW if options.quick else frozenset())
    if unknown := (wanted - known) | (set(options.peers) - set(TITLES)):
        print(f"unknown: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    try:
        return _bench(options, [case for case in every if case.key in wanted], wanted)
    except KeyboardInterrupt:
        print("stopped; nothing is written", file=sys.stderr)
        return 130


def _bench(options: argparse.Namespace, chosen: Sequence[Case], wanted: frozenset[str]) -> int:
    tools = install(options.build / "bin", options.venv or options.build / "venv")
    needed = [f"{name}: {tools.missing[name]}" for name in ("wrk", "load") if name in tools.missing]
    if not options.router.exists():
        needed.append(f"there is no {options.router}")
    if platform.system() != "Linux":
        needed.append("the bench needs Linux")
    if needed:
        print("\n".join(needed), file=sys.stderr)
        return 1
    text = report(_measure(options, tools, chosen, wanted))
    whole = not (options.quick or options.only or options.peers)
    output = options.output or (_ROOT / "bench" if whole else options.build) / "RESULTS.md"
    output.write_text(text)
    print(f"==> {output}")
    return 0


def _stop(_number: int, _frame: object) -> None:
    """End everything in peace: no second signal may interrupt that."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = ",".join([case.key for case in cases(1)] + list(_EXTRA))
    parser.add_argument("--quick", action="store_true", help="in 3 minutes, figures mean little")
    parser.add_argument("--rounds", type=int, help="default 5, quick 1")
    parser.add_argument("--seconds", type=int, default=1, help="of each run (default 1)")
    parser.add_argument("--only", type=_list, default=[], metavar="CASE,...", help=f"of {names}")
    parser.add_argument(
        "--peers", type=_list, default=[], metavar="PEER,...", help=f"of {','.join(TITLES)}"
    )
    parser.add_argument(
        "--router",
        type=Path,
        default=Path(sys.executable).with_name("ocr-router"),
        help="our program (default: beside this Python)",
    )
    parser.add_argument("--build", type=Path, default=_ROOT / "build" / "bench")
    parser.add_argument("--venv", type=Path, help="of the peers (default: in the build folder)")
    parser.add_argument("--output", type=Path, help="default: RESULTS.md here if all is measured")
    return parser


def _list(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _measure(
    options: argparse.Namespace, tools: Tools, chosen_cases: Sequence[Case], wanted: frozenset[str]
) -> Results:
    began = time.monotonic()
    plan = Plan(
        rounds=options.rounds or (1 if options.quick else 5),
        seconds=options.seconds,
        streams=1000 if options.quick else 5000,
        quick=options.quick,
    )
    chosen, absent = proxies(tools, options.router, frozenset(options.peers or TITLES))
    with _rig(tools, options.router.absolute()) as rig:
        results = Results(
            plan=plan,
            facts=machine.facts(),
            apart=rig.cores.apart,
            versions=_versions(tools, chosen),
            titles={proxy.key: proxy.title for proxy in chosen} | {DIRECT: TITLES[DIRECT]},
            missing=absent,
            date=f"{datetime.now(UTC):%Y-%m-%d}",
        )
        results = _contest(rig, results, chosen, chosen_cases, wanted)
        if "alone" in wanted:
            results = replace(results, alone=_alone(rig, _QUICK if options.quick else Effort()))
    return replace(results, minutes=(time.monotonic() - began) / 60)


def _contest(
    rig: Rig,
    results: Results,
    chosen: Sequence[Proxy],
    wanted_cases: Sequence[Case],
    wanted: frozenset[str],
) -> Results:
    plan = results.plan
    with ExitStack() as first:
        backend = start_backend(rig, first)
        with ExitStack() as stack:
            contest = start_all(rig, backend, chosen, stack)
            cells = contest.measure(wanted_cases, plan.rounds)
        good = [proxy for proxy in chosen if proxy.key in contest.running]
        costs = (
            footprints(rig, good, backend, plan.rounds, plan.streams) if "start" in wanted else {}
        )
    missing = [*results.missing, *contest.missing]
    return replace(results, cells=cells, footprints=costs, missing=missing)


def _alone(rig: Rig, effort: Effort) -> Alone | str:
    try:
        return measure_alone(rig, effort)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return f"Failed: {error}"


@contextmanager
def _rig(tools: Tools, router: Path) -> Iterator[Rig]:
    machine.allow_many_files()
    cores = machine.cores()
    os.sched_setaffinity(0, {int(core) for core in cores.load.split(",")})
    folder = Path(tempfile.mkdtemp(prefix="ocr-bench-"))
    try:
        yield Rig(tools, cores, folder, router)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _versions(tools: Tools, chosen: Sequence[Proxy]) -> dict[str, str]:
    others = {name: tool_version(tools, name) for name in ("go", "wrk")}
    return {proxy.title: proxy.version for proxy in chosen} | others


if __name__ == "__main__":
    raise SystemExit(main())
