"""The projects whose servers the router starts: how they are, and what they said last."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from opencoderouter.doctor.facts import Answered, Facts
from opencoderouter.doctor.finding import Check, Finding, Status

_CODE = "managed"
_LINES = 8
_STATUS = {"failed": Status.ERROR, "starting": Status.INFO, "stopped": Status.INFO}
_WHY = {
    "failed": "Its server does not run, or does not load the project. The router tries again, "
    "after longer and longer pauses.",
    "starting": "Its server has not answered yet.",
    "stopped": "It was stopped on request, or somebody else serves its directory.",
}


async def look(facts: Facts) -> Iterable[Finding]:
    """Tell how each managed project is."""
    answer = await facts.router.get("/api/backends")
    if not isinstance(answer, Answered) or not isinstance(answer.body, list):
        return (Finding(_CODE, Status.SKIPPED, "Only a running router knows (see router)"),)
    rows = [row for row in answer.body if row["managed"]]
    if not rows:
        text = "The router starts no servers itself: no PROJECT was given to `serve`"
        return (Finding(_CODE, Status.OK, text),)
    ill = [row for row in rows if row["status"] in _STATUS]
    logs = await asyncio.gather(*(_log(facts, row) for row in ill))
    found = [judge(row, log, facts) for row, log in zip(ill, logs, strict=True)]
    well = len(rows) - len(ill)
    return [*found, *([_well(well)] if well else [])]


def judge(row: Mapping[str, Any], log: tuple[str, ...], facts: Facts) -> Finding:
    """Return what is the matter with one project, of which ``log`` are the last lines."""
    status = str(row["status"])
    directory = shlex.quote(str(row["project_path"]))
    settings = facts.settings
    restart = f"{settings.scheme}://localhost:{settings.port}/api/backends/{row['slug']}/restart"
    seen = (f"directory {row['project_path']}", *([row["reason"]] if row["reason"] else []))
    mends = (
        (f"(cd {directory} && {shlex.quote(facts.program)} serve)  # shows what it says",)
        if status == "failed"
        else ()
    )
    return Finding(
        _CODE,
        _STATUS[status],
        f"{row['slug']} is {status}",
        (*seen, *(f"| {line}" for line in log[-_LINES:])),
        _WHY[status],
        (*mends, *((f"curl -X POST {restart}",) if status != "starting" else ())),
    )


async def _log(facts: Facts, row: Mapping[str, Any]) -> tuple[str, ...]:
    answer = await facts.router.get(f"/api/backends/{row['slug']}/log")
    body = answer.body if isinstance(answer, Answered) else {}
    return tuple(map(str, body.get("lines", ()))) if isinstance(body, dict) else ()


def _well(count: int) -> Finding:
    return Finding(_CODE, Status.OK, f"Servers that the router started and that are well: {count}")


CHECKS = (Check(_CODE, "Projects whose servers the router starts", look),)
