"""Tests of what the router's answer means."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rig.diagnosis import facts, found

from opencoderouter import __version__
from opencoderouter.doctor.facts import Answer, Answered, Unanswered
from opencoderouter.doctor.finding import Status
from opencoderouter.doctor.router import CHECKS, judge

SAID = {"healthy": True, "version": __version__, "username": "me", "backends": 3}


@pytest.mark.parametrize(
    ("answer", "status", "word"),
    [
        (Answered(SAID), Status.OK, "projects: 3"),
        (Unanswered("nobody listens", down=True), Status.INFO, "No router"),
        (Unanswered("timed out", down=False), Status.WARNING, "does not answer"),
        (Unanswered("This port speaks HTTPS.", down=False), Status.WARNING, "speaks HTTPS"),
        (Answered({"healthy": True}), Status.WARNING, "does not let this command in"),
        (Answered({"status": "fine"}), Status.WARNING, "does not answer as your router"),
        (Answered([1]), Status.WARNING, "does not answer as your router"),
        (
            Answered(SAID | {"version": "0.0.1"}),
            Status.WARNING,
            f"is 0.0.1, this command is {__version__}",
        ),
    ],
)
def test_judged(answer: Answer, status: Status, word: str) -> None:
    """A router that is down is no problem; one that cannot be asked, or is another, is one."""
    finding = judge(answer, 8080)
    assert finding.status is status
    assert word in finding.summary


def test_it_is_asked(tmp_path: Path) -> None:
    """The check is about ``/api/health``."""
    (finding,) = found(CHECKS[0], facts(tmp_path, answers={"/api/health": Answered(SAID)}))
    assert finding.status is Status.OK
