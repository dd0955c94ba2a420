"""Tests of what makes a clock wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.rig.diagnosis import facts, found

from opencoderouter.doctor.clock import CHECKS, judge
from opencoderouter.doctor.facts import Answered
from opencoderouter.doctor.finding import Finding, Status

NOW = 1_800_000_000.0
HERE = Path("/somewhere/leases.json")


@pytest.mark.parametrize(
    ("finding", "status"),
    [
        (judge(NOW, NOW, None, None), Status.OK),
        (judge(NOW, NOW - 2, (NOW + 4, HERE), NOW + 4), Status.OK),
        (judge(0.0, 0.0, None, None), Status.ERROR),
        (judge(NOW * 3, NOW * 3, None, None), Status.ERROR),
        (judge(NOW, NOW + 60, None, None), Status.WARNING),
        (judge(NOW, NOW, None, NOW + 60), Status.WARNING),
        (judge(NOW, NOW, (NOW + 60, HERE), None), Status.WARNING),
    ],
)
def test_judged(finding: Finding, status: Status) -> None:
    """A year that cannot be, a jump back, and what was done in the future."""
    assert finding.status is status


def test_a_file_from_the_future(tmp_path: Path) -> None:
    """It is named; to touch it, as advised, mends it where the clock is right."""
    file = tmp_path / "state" / "leases.json"
    file.parent.mkdir()
    file.touch()
    os.utime(file, (NOW + 3600, NOW + 3600))
    (finding,) = found(CHECKS[0], facts(tmp_path, now=NOW))
    assert "3600 s from now" in finding.summary
    assert finding.mend[-1] == f"touch {file}"
    os.utime(file, (NOW, NOW))
    assert found(CHECKS[0], facts(tmp_path, now=NOW))[0].status is Status.OK


def test_the_routers_clock(tmp_path: Path) -> None:
    """When the router last heard of a server tells its time."""
    rows = Answered([{"last_seen": None}, {"last_seen": "2027-01-15T09:00:00.000Z"}])
    (finding,) = found(CHECKS[0], facts(tmp_path, now=NOW, answers={"/api/backends": rows}))
    assert finding.summary == "The router's clock is 3600 s ahead of this one"
