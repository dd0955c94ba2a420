"""Mixed traffic through a router while backends come and go, by a process of its own.

``python -m tests.rig.soak`` reads a ``Task`` as JSON from standard input, runs it, and prints a
``Report`` as JSON. Where every project is to be found, and what they answer, it knows by itself.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from tests.rig import http
from tests.rig.crowd import Crowd
from tests.rig.guest import Way
from tests.rig.ledger import Ledger
from tests.rig.troupe import Troupe
from tests.rig.usage import usage
from tests.rig.visits import MIX, terminal

Sample = tuple[float, int, int, int]
_TASKS = re.compile(r"^opencoderouter_tasks (\S+)$", re.MULTILINE)
_PACE = 0.5  # seconds between two samples


@dataclass(frozen=True, slots=True)
class Task:
    """What to do. Projects are folders of ``folder``; ``managed`` are the router's own stand-ins.

    ``lives`` is how long a backend of ``mortal`` lives in the mean, in seconds.
    """

    port: int
    pid: int
    folder: str
    ports: Sequence[int]
    seconds: float
    steady: Sequence[str]
    mortal: Sequence[str]
    managed: Sequence[str] = ()
    users: int = 16
    watchers: int = 12
    pause: float = 0.02
    lives: float = 4.0


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it. ``samples`` are seconds, resident octets, files and tasks, by and by."""

    done: Mapping[str, int]
    excused: Mapping[str, int]
    wrong: Sequence[str]
    wrongs: int
    started: int
    slowest: float
    took: Sequence[float]  # seconds of each short GET
    samples: Sequence[Sample]


async def soak(task: Task) -> Report:
    """Run the task."""
    random = Random(3)  # noqa: S311 - a mix that can be had again, not a secret
    ledger = Ledger()
    troupe = Troupe(Path(task.folder), task.ports, ledger, random)
    async with asyncio.TaskGroup() as group:
        for project in task.steady:
            group.create_task(troupe.keep(project), name=project)
        for project in task.mortal:
            group.create_task(troupe.churn(project, lives=task.lives), name=project)
        await _ready(task)
        ledger.steady = frozenset({*task.steady, *task.managed})
        crowds = _crowds(task, ledger, random)
        traffic = [
            group.create_task(crowds[0].run(task.users, task.watchers)),
            group.create_task(crowds[1].run(len(task.managed), 0)),
        ]
        samples = await _sample(task)
        for crowd in crowds:
            crowd.over.set()
        await asyncio.wait(traffic)
        troupe.over.set()
    return Report(
        done=dict(ledger.done),
        excused=dict(ledger.excused),
        wrong=ledger.wrong,
        wrongs=ledger.wrongs,
        started=troupe.started,
        slowest=ledger.slowest,
        took=crowds[0].took.get("small", []),
        samples=samples,
    )


def _crowds(task: Task, ledger: Ledger, random: Random) -> tuple[Crowd, Crowd]:
    def ways(projects: Sequence[str]) -> list[Way]:
        return [Way(project, task.port, by) for project in projects for by in (True, False)]

    every = ways([*task.steady, *task.mortal])
    return (
        Crowd(task.port, ledger, every, MIX, task.pause, random),
        Crowd(task.port, ledger, ways(task.managed), {terminal: 1}, 5 * task.pause, random),
    )


async def _ready(task: Task) -> None:
    """Return when the router has every project, under the name that its folder has."""
    wanted = {*task.steady, *task.mortal, *task.managed}
    seen: set[str] = set()
    async with asyncio.timeout(60):
        while not wanted <= seen:
            rows = await asyncio.to_thread(http.get, f"http://localhost:{task.port}/api/backends")
            seen |= {row["slug"] for row in rows if row["status"] == "ready"}
            await asyncio.sleep(0.05)


async def _sample(task: Task) -> list[Sample]:
    """Look at the router now and then until the time is over, or the router is."""
    began = time.monotonic()
    samples: list[Sample] = []
    with suppress(OSError):
        while (age := time.monotonic() - began) < task.seconds:
            now = usage(task.pid)
            samples.append((age, now.rss, now.files, await asyncio.to_thread(_tasks, task)))
            await asyncio.sleep(_PACE)
    return samples


def _tasks(task: Task) -> int:
    text = http.request("GET", f"http://localhost:{task.port}/api/metrics").body.decode()
    return int(float(_TASKS.findall(text)[0]))


def main() -> None:
    """Run the task of standard input."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    report = asyncio.run(soak(Task(**json.load(sys.stdin))))
    json.dump(asdict(report), sys.stdout)


if __name__ == "__main__":
    main()
