"""Tests of the runner: order, time, failures."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path

from tests.rig.diagnosis import facts

from opencoderouter.doctor.facts import Facts
from opencoderouter.doctor.finding import Check, Finding, Run, Status
from opencoderouter.doctor.run import run
from opencoderouter.doctor.thread import threaded


def saying(*words: str, after: asyncio.Event | None = None) -> Run:
    """Return a check's function that finds these words, later perhaps."""

    async def look(_: Facts) -> Iterable[Finding]:
        if after is not None:
            await after.wait()
        return [Finding("x", Status.OK, word) for word in words]

    return look


async def test_all_at_once_in_their_order(tmp_path: Path) -> None:
    """Each may wait for another one; findings stand in the order of the checks, all of each."""
    event = asyncio.Event()

    async def release(_: Facts) -> Iterable[Finding]:
        event.set()
        return [Finding("y", Status.OK, "last")]

    checks = [Check("x", "X", saying("first", "second", after=event)), Check("y", "Y", release)]
    found = await run(checks, facts(tmp_path))
    assert [finding.summary for finding in found] == ["first", "second", "last"]


async def test_what_hangs_is_cut(tmp_path: Path) -> None:
    """A check that does not end, blocking or not, is a warning; the others have their findings."""

    def hang(_: Facts) -> Iterable[Finding]:
        threading.Event().wait()
        return ()

    checks = [
        Check("slow", "The slow one", saying("never", after=asyncio.Event())),
        Check("stuck", "The stuck one", threaded(hang)),
        Check("x", "X", saying("well")),
    ]
    slow, stuck, well = await run(checks, facts(tmp_path), limit=0.05)
    assert (slow.code, slow.status) == ("slow", Status.WARNING)
    assert slow.summary == "The slow one: did not end within 0.05 s"
    assert (stuck.code, stuck.status) == ("stuck", Status.WARNING)
    assert well.summary == "well"


async def test_a_check_that_fails_is_a_finding(tmp_path: Path) -> None:
    """Its error is one line; a time-out of its own is no cut."""

    async def fail(_: Facts) -> Iterable[Finding]:
        raise ValueError("no\nsuch thing")

    async def late(_: Facts) -> Iterable[Finding]:
        raise TimeoutError("of its own")

    checks = [Check("a", "A", fail), Check("b", "B", late)]
    first, second = await run(checks, facts(tmp_path))
    assert (first.code, first.status, first.evidence) == ("a", Status.ERROR, ("ValueError: no",))
    assert (second.code, second.evidence) == ("b", ("TimeoutError: of its own",))
    assert first.why
    assert first.mend
