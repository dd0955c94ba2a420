"""Tests of what is told of managed projects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.rig.diagnosis import facts, found

from opencoderouter.doctor.facts import Answered
from opencoderouter.doctor.finding import Status
from opencoderouter.doctor.managed import CHECKS

(MANAGED,) = CHECKS


def row(slug: str, status: str, *, managed: bool = True, reason: str = "") -> dict[str, Any]:
    """Return a project as the API has it."""
    return {
        "slug": slug,
        "status": status,
        "managed": managed,
        "reason": reason,
        "project_path": f"/home/me/{slug}",
    }


def look(tmp_path: Path, *rows: dict[str, Any], log: tuple[str, ...] = ()) -> list[Any]:
    """Return what is found with these rows."""
    answers = {"/api/backends": Answered(list(rows))}
    answers |= {f"/api/backends/{one['slug']}/log": Answered({"lines": list(log)}) for one in rows}
    return found(MANAGED, facts(tmp_path, answers=answers, program="/bin/opencode", port=8081))


def test_without_a_router(tmp_path: Path) -> None:
    """Nobody knows: skipped."""
    assert found(MANAGED, facts(tmp_path))[0].status is Status.SKIPPED


def test_none(tmp_path: Path) -> None:
    """A router that starts none is fine, whatever others are."""
    (finding,) = look(tmp_path, row("a", "failed", managed=False))
    assert finding.status is Status.OK


@pytest.mark.parametrize(
    ("status", "expected"),
    [("starting", Status.INFO), ("stopped", Status.INFO), ("failed", Status.ERROR)],
)
def test_each_that_is_not_well(tmp_path: Path, status: str, expected: Status) -> None:
    """Its state, the reason, the last lines that it printed; those that are well in one line."""
    lines = tuple(f"line {number}" for number in range(20))
    rows = (row("a", status, reason="it ended"), row("b", "ready"), row("c", "busy"))
    ill, well = look(tmp_path, *rows, log=lines)
    assert (ill.status, ill.summary) == (expected, f"a is {status}")
    assert ill.evidence[:2] == ("directory /home/me/a", "it ended")
    assert ill.evidence[-1] == "| line 19"
    assert len(ill.evidence) < 15
    assert well.summary.endswith("well: 2")


def test_advice(tmp_path: Path) -> None:
    """How to see what it says, and to start it again at this router's port."""
    (ill,) = look(tmp_path, row("a", "failed"))
    assert ill.mend[0].startswith("(cd /home/me/a && /bin/opencode serve)")
    assert ill.mend[1] == "curl -X POST http://localhost:8081/api/backends/a/restart"
