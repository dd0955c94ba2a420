"""Mixed traffic while backends start, stop and crash: no wrong answer, no leak.

12 seconds by default, 10 minutes with ``--slow``, ``SOAK_SECONDS`` whatever is wanted.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.load.conftest import Note
from tests.rig import http
from tests.rig.router import Router, router
from tests.rig.soak import Report, Task
from tests.rig.troupe import ROOT
from tests.rig.usage import Usage, at_rest, usage
from tests.rig.wait import until

pytestmark = pytest.mark.timeout(0)  # by the number of seconds that it is to take
SHORT, FULL = 12.0, 600.0
MEGABYTE = 2**20
_GAUGES = re.compile(
    r"^opencoderouter_(connections|open_streams|open_tunnels)({.*})? (.+)$", re.MULTILINE
)


def test_no_wrong_answer_and_no_leak(
    environment: dict[str, str], tmp_path: Path, note: Note, *, slow: bool
) -> None:
    """Each answer is its request's; what the router uses does not grow, and is given back."""
    seconds = float(os.environ.get("SOAK_SECONDS", FULL if slow else SHORT))
    mark = secrets.token_hex(3)
    names = [f"{kind}-{mark}" for kind in ("own", "s1", "s2", "s3", "m1", "m2", "m3", "m4", "m5")]
    for name in names:
        (tmp_path / name).mkdir()
    with router([tmp_path / names[0]], environment=environment, log=tmp_path / "log") as running:
        before = at_rest(running.process.pid)
        report = _run(_task(running, names, tmp_path, seconds), environment, seconds)
        _note(note, report, before)
        assert running.process.poll() is None, running.log.read_text()[-4000:]
        _judge(report, seconds)
        pid = running.process.pid
        until(lambda: usage(pid).files <= before.files + 4, what=lambda: (before, usage(pid)))
        note("soak: after", str(usage(pid)))
        until(lambda: not any(_open(running).values()), what=lambda: _open(running))
    assert "Traceback" not in running.log.read_text()


def _open(running: Router) -> dict[str, float]:
    """Return what the router says that clients have open, the question itself left out."""
    text = http.request("GET", f"{running.url}/api/metrics").body.decode()
    found = _GAUGES.findall(text)
    assert {name for name, _, _ in found} == {"connections", "open_streams", "open_tunnels"}
    return {
        name + labels: float(number) - (name == "connections") for name, labels, number in found
    }


def _task(running: Router, names: Sequence[str], folder: Path, seconds: float) -> Task:
    return Task(
        port=running.port,
        pid=running.process.pid,
        folder=str(folder),
        ports=list(running.scan),
        seconds=seconds,
        steady=names[1:4],
        mortal=names[4:],
        managed=names[:1],
    )


def _run(task: Task, environment: dict[str, str], seconds: float) -> Report:
    done = subprocess.run(
        [sys.executable, "-m", "tests.rig.soak"],
        input=json.dumps(asdict(task)),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=seconds + 120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Report(**json.loads(done.stdout))


def _judge(report: Report, seconds: float) -> None:
    assert report.wrongs == 0, "\n".join(report.wrong)
    assert len(report.done) >= 16  # of every kind
    assert sum(report.done.values()) > 10 * seconds
    assert report.started > seconds / 4
    # The first fifth warms up: pools fill, and the allocator's arenas with them.
    rss, files, tasks = _fifths(report)
    assert tasks[1] <= 1.25 * tasks[0] + 20, report.samples
    assert rss[1] <= rss[0] + max(8 * MEGABYTE, rss[0] / 10), report.samples
    assert files[1] <= 1.25 * files[0] + 50, report.samples


def _fifths(report: Report) -> list[tuple[float, float]]:
    """Return the means of the second and of the last fifth: octets, files and tasks."""
    size = len(report.samples) // 5
    parts = report.samples[size : 2 * size], report.samples[-size:]
    second, last = (
        [statistics.fmean(sample[column] for sample in part) for column in (1, 2, 3)]
        for part in parts
    )
    return list(zip(second, last, strict=True))


def _note(note: Note, report: Report, before: Usage) -> None:
    total = sum(report.done.values())
    rss, files, tasks = _fifths(report)
    note("soak: right answers", f"{total} ({_counts(report.done)})")
    note("soak: backends started", f"{report.started}; told down late by {report.slowest:.2f} s")
    note("soak: refused or cut, their project down", _counts(report.excused))
    note("soak: wrong", str(report.wrongs))
    note("soak: before", str(before))
    note("soak: RSS, second and last fifth", " -> ".join(f"{x / MEGABYTE:.1f} MB" for x in rss))
    note("soak: files, second and last fifth", " -> ".join(f"{x:.0f}" for x in files))
    note("soak: tasks, second and last fifth", " -> ".join(f"{x:.0f}" for x in tasks))
    cuts = statistics.quantiles(report.took, n=100)
    note("soak: a short GET", f"p50 {cuts[49] * 1000:.1f} ms, p99 {cuts[98] * 1000:.1f} ms")


def _counts(counts: object) -> str:
    assert isinstance(counts, dict)
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
