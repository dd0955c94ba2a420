"""Tests of what a terminal can show."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rig.diagnosis import facts, found

from opencoderouter.doctor.finding import Status
from opencoderouter.doctor.terminal import CHECKS, Screen, judge

GOOD = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}


@pytest.mark.parametrize(
    ("screen", "environment", "status", "word"),
    [
        (Screen("utf-8", 80, 24), GOOD, Status.OK, "UTF-8, colours, 80 columns"),
        (Screen("UTF8", 80, 24), GOOD | {"NO_COLOR": "1"}, Status.OK, "no colours (NO_COLOR)"),
        (Screen("utf-8", 0, 0), {}, Status.SKIPPED, "does not go to a terminal"),
        (Screen("iso8859-1", 80, 24), GOOD, Status.WARNING, "iso8859-1, not UTF-8"),
        (Screen("utf-8", 80, 24), {}, Status.INFO, "TERM"),
        (Screen("utf-8", 80, 24), {"TERM": "dumb"}, Status.INFO, "TERM"),
    ],
)
def test_judged(screen: Screen, environment: dict[str, str], status: Status, word: str) -> None:
    """Letters, colours and size; where there is no terminal there is nothing to judge."""
    finding = judge(screen, environment)
    assert finding.status is status
    assert word in finding.summary


def test_here(tmp_path: Path) -> None:
    """A test's output goes nowhere: skipped."""
    (finding,) = found(CHECKS[0], facts(tmp_path))
    assert finding.status is Status.SKIPPED
