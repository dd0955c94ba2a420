"""The fleet as text for the terminal: the tree, and tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from opencoderouter.cli import text
from opencoderouter.core.fleet import wording
from opencoderouter.core.fleet.attention import Item
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import Report, Session, SessionRef
from opencoderouter.core.fleet.preferences import Display, Preferences
from opencoderouter.core.fleet.projects import LONGEST, Known, Project, facts
from opencoderouter.core.fleet.refs import directory_of
from opencoderouter.core.fleet.status import (
    SESSIONS,
    UNKNOWN,
    Role,
    Sign,
    Status,
    host_sign,
    sign,
)
from opencoderouter.core.printable import printable

_COLOURS: Mapping[Role, str] = {
    Role.STRONG: "1",
    Role.DIM: "2",
    Role.ACCENT: "36",
    Role.GOOD: "32",
    Role.WARN: "33",
    Role.BAD: "31",
}
_HOSTS = ("HOST", "GROUP", "STATE", "VIA", "OPENCODE", "SESSIONS", "REASON")
_SESSIONS = ("HOST", "SESSION", "STATUS", "AGE", "TITLE", "DIRECTORY")
_ITEMS = ("HOST", "NEED", "AGE", "SESSION", "TITLE", "TEXT")


@dataclass(frozen=True, slots=True)
class Style:
    """What the terminal can show. ``width`` is 0 where the output does not go to one."""

    width: int = 0
    colour: bool = False
    unicode: bool = True


def style() -> Style:
    """Return what this terminal can show: no colours with NO_COLOR, nor in a file or pipe."""
    terminal = sys.stdout.isatty()
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    return Style(
        width=text.columns() if terminal else 0,
        colour=terminal and not plain,
        unicode=(sys.stdout.encoding or "").lower().replace("-", "") == "utf8",
    )


def tree(fleet: Fleet, preferences: Preferences, now: float, style: Style) -> str:
    """Return hosts, their projects, and the sessions of these."""
    display = preferences.display
    shown = replace(
        preferences, display=replace(display, unicode=display.unicode and style.unicode)
    )
    blocks = (_host(entry, shown, now, style) for entry in fleet.entries.values())
    return "\n".join(line for block in blocks for line in block)


def hosts(entries: Iterable[Entry], now: float, display: Display, style: Style) -> str:
    """Return a table of hosts, and below it what mends those that are not reached."""
    entries = list(entries)
    rows = (_row(entry, now, display) for entry in entries)
    lines = [text.fitting(_HOSTS, rows, style.width)]
    for entry in entries:
        mend = entry.report.mend if entry.report else ()
        lines += [f"\n{printable(entry.host.name)}:"] if mend else []
        lines += [f"    {printable(command)}" for command in mend]
    return "\n".join(lines)


def sessions(found: Iterable[tuple[Entry, Session, Status]], now: float, style: Style) -> str:
    """Return a table of sessions."""
    rows = (
        (
            *(entry.host.name, one.id, status, wording.ago(one.updated, now)),
            *(one.title[:LONGEST], directory_of(one)),
        )
        for entry, one, status in found
    )
    return text.fitting(_SESSIONS, rows, style.width)


def items(found: Iterable[Item], now: float, style: Style) -> str:
    """Return a table of what waits for a person, or failed."""
    rows = (
        (
            *(one.host, one.need, wording.ago(one.since, now)),
            one.target.id if isinstance(one.target, SessionRef) else "-",
            *(one.title[:LONGEST], _asked(one)),
        )
        for one in found
    )
    return text.fitting(_ITEMS, rows, style.width)


def _asked(item: Item) -> str:
    """Return the beginning of a text, and what "always" would allow."""
    always = item.ask.always if item.ask is not None else ()
    text = wording.exactly(item.text)
    begun = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
    listed = wording.exactly(", ".join(always))
    return f"{begun} (always: {listed})" if always else begun


def change(entry: Entry) -> str:
    """Return one host in one line."""
    report = entry.report
    state = report.state if report else "asking"
    parts = (entry.host.name, state, report.reason if report else "")
    return "  ".join(printable(part) for part in parts if part)


def _row(entry: Entry, now: float, display: Display) -> tuple[str, ...]:
    report, good = entry.report, entry.good
    tally = facts(entry, now, display).tally
    busy = f" ({tally.waiting} waiting)" if tally.waiting else ""
    return (
        entry.host.name,
        entry.host.group or "-",
        report.state if report else "-",
        report.via or "-" if report else "-",
        good.version or "-" if good else "-",
        f"{tally.sessions}{busy}" if entry.counted else "-",
        _why(report) if report else "",
    )


def _why(report: Report) -> str:
    """Return why a host is not there, or what of it could not be read."""
    parts = (f"{failure.part}: {failure.reason}" for failure in report.failures)
    return report.reason or "; ".join(parts)


def _host(entry: Entry, preferences: Preferences, now: float, style: Style) -> Iterator[str]:
    report = entry.report
    mark = host_sign(report.state) if report else UNKNOWN
    version = report.version if report else ""
    words = [entry.host.name, report.state if report else "", version]
    words += [report.reason] if report and report.reason else []
    yield _line(0, mark, words, preferences.display, style)
    for failure in report.failures if report else ():
        yield f"  {printable(f'{failure.part}: {failure.reason}')}"
    for project in facts(entry, now, preferences.display).projects:
        yield from _project(project, preferences, now, style)


def _project(project: Project, preferences: Preferences, now: float, style: Style) -> Iterator[str]:
    shown = [
        known
        for known in project.sessions
        if preferences.sessions.show_archived or known.status is not Status.ARCHIVED
    ]
    if not shown and not project.servers:
        return
    yield f"  {printable(project.ref.directory) or '(no directory)'}"
    most = preferences.sessions.max_display
    for known in shown[:most]:
        yield _session(known, preferences.display, now, style)
    if len(shown) > most:
        yield f"    {wording.counted(len(shown) - most, 'session')} more: `ocr sessions`"


def _session(known: Known, display: Display, now: float, style: Style) -> str:
    one = known.session
    words = [one.id, known.status, wording.ago(one.updated, now), one.title[:LONGEST]]
    return _line(2, SESSIONS[known.status], words, display, style)


def _line(depth: int, mark: Sign, words: list[str], display: Display, style: Style) -> str:
    painted = _paint(sign(mark, display), mark.role, style)
    return f"{'  ' * depth}{painted} {'  '.join(printable(word) for word in words if word)}"


def _paint(words: str, role: Role, style: Style) -> str:
    code = _COLOURS.get(role) if style.colour else None
    return f"\x1b[{code}m{words}\x1b[0m" if code else words
