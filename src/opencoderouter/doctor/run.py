"""Runs checks: all at the same time, each within its own, whatever they do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import chain

from opencoderouter.doctor.facts import Facts
from opencoderouter.doctor.finding import Check, Finding, Status

LIMIT = 2.0  # seconds that one check may take


async def run(
    checks: Iterable[Check], facts: Facts, *, limit: float = LIMIT
) -> tuple[Finding, ...]:
    """Return the findings of all checks, in their order. Nothing that a check does is raised."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_one(check, facts, limit), name=f"check {check.code}")
            for check in checks
        ]
    return tuple(chain.from_iterable(task.result() for task in tasks))


async def _one(check: Check, facts: Facts, limit: float) -> tuple[Finding, ...]:
    cut = asyncio.timeout(limit)
    try:
        async with cut:
            return tuple(await check.run(facts))
    except Exception as error:  # noqa: BLE001 - a check that fails is a finding, the others go on
        return (_cut(check, limit) if cut.expired() else _failed(check, error),)


def _cut(check: Check, limit: float) -> Finding:
    return Finding(
        check.code,
        Status.WARNING,
        f"{check.title}: did not end within {limit:g} s",
        why="What it looks at does not answer: a file system, a resolver or a network that hangs, "
        "or a machine with too much to do.",
        mend=(f"ocr-router doctor --only {check.code}",),
    )


def _failed(check: Check, error: Exception) -> Finding:
    lines = f"{type(error).__name__}: {error}".splitlines()
    return Finding(
        check.code,
        Status.ERROR,
        f"{check.title}: the check itself failed",
        evidence=(lines[0],),
        why="This is a defect of ocr-router: nothing is known about what it looks at.",
        mend=("Report it with the output of `ocr-router doctor --json`.",),
    )
