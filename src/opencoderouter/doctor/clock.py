"""The clock: sessions and tokens last by it, certificates are judged by it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from opencoderouter.doctor.facts import Answered, Facts
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.thread import in_thread

_CODE = "clock"
_SANE = range(2025, 2100)  # years
_SLACK = 5.0  # seconds
_WHY = (
    "Sessions, tokens and certificates last until a moment: by a wrong clock they end too "
    "early or never."
)
_NTP = "sudo timedatectl set-ntp true"


async def look(facts: Facts) -> Iterable[Finding]:
    """Tell whether the clock can be right, as far as files and the router know."""
    now = facts.clock()
    rows = await facts.router.get("/api/backends")
    newest = await in_thread(_newest, facts.settings.state_dir)
    return (
        judge(facts.clock(), now, newest, _last(rows.body if isinstance(rows, Answered) else None)),
    )


def judge(
    now: float, before: float, newest: tuple[float, Path] | None, last: float | None
) -> Finding:
    """Return what is wrong with ``now``: POSIX seconds, as are the others.

    ``before`` was read earlier; ``newest`` is the file that was written last; ``last`` is when the
    router last heard of a server.
    """
    moment = datetime.fromtimestamp(now, UTC)
    seen = (f"{moment:%Y-%m-%d %H:%M:%S} UTC",)
    if moment.year not in _SANE:
        return Finding(_CODE, Status.ERROR, f"The clock says {moment.year}", seen, _WHY, (_NTP,))
    if now < before - _SLACK:
        text = "The clock was set back while it was looked at"
        return Finding(_CODE, Status.WARNING, text, seen, _WHY, (_NTP,))
    if last is not None and last > now + _SLACK:
        text = f"The router's clock is {last - now:.0f} s ahead of this one"
        return Finding(_CODE, Status.WARNING, text, seen, _WHY, (_NTP,))
    if newest is not None and newest[0] > now + _SLACK:
        return _ahead(now, *newest, seen)
    return Finding(_CODE, Status.OK, f"It is {moment:%Y-%m-%d %H:%M} UTC", seen)


def _ahead(now: float, written: float, path: Path, seen: tuple[str, ...]) -> Finding:
    return Finding(
        _CODE,
        Status.WARNING,
        f"A file of the router was written {written - now:.0f} s from now",
        (*seen, str(path)),
        f"The clock was set back, or the file server has another. {_WHY}",
        (f"{_NTP}  # if the clock is wrong", shlex.join(["touch", str(path)])),
    )


def _newest(state: Path) -> tuple[float, Path] | None:
    try:
        return max((file.lstat().st_mtime, file) for file in state.iterdir())
    except (OSError, ValueError):  # none yet
        return None


def _last(rows: object) -> float | None:
    entries = rows if isinstance(rows, list) else []
    seen = [
        str(row["last_seen"]) for row in entries if isinstance(row, dict) and row.get("last_seen")
    ]
    return max((datetime.fromisoformat(text).timestamp() for text in seen), default=None)


CHECKS = (Check(_CODE, "The clock", look),)
