"""What one row of the tree says: pieces of text with roles. All text of hosts is made printable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from opencoderouter.core.fleet.branch import Row, title
from opencoderouter.core.fleet.fleet import Entry
from opencoderouter.core.fleet.model import HostState, Report, SessionRef
from opencoderouter.core.fleet.preferences import Display
from opencoderouter.core.fleet.projects import Known, Project, Tally, clean
from opencoderouter.core.fleet.search import places
from opencoderouter.core.fleet.status import SESSIONS, Role, Status, host_sign, session_sign, sign
from opencoderouter.core.fleet.wording import ago, before, figure

Span = tuple[str, Role]
ROOMY = 64  # cells from which on a row also says what can be left out
_INDENT = 2
_TOLD = (HostState.HOST_KEY_UNKNOWN, HostState.HOST_KEY_CHANGED)  # the reason says the same
_DIMMED = (Role.TEXT, Role.STRONG, Role.GOOD, Role.ACCENT)  # of what may no longer be so


@dataclass(frozen=True, slots=True)
class Pen:
    """How rows are drawn now: for which terminal, when, what is searched, how far spinners are."""

    display: Display
    now: float
    words: tuple[str, ...] = ()
    frame: int = 0
    marked: frozenset[SessionRef] = frozenset()
    roomy: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """A row: ``left`` is cut where there is no room, ``right`` stands at the edge.

    ``turning``: it has to be drawn again for the next frame of the spinner. ``arrow`` is the cell
    of what opens and closes it.
    """

    left: tuple[Span, ...]
    right: tuple[Span, ...]
    turning: bool = False
    arrow: int = 0


def line(row: Row, pen: Pen) -> Line:
    """Return what a row says."""
    indent = _INDENT * row.depth
    start = ((" " * indent + _arrow(row, pen) + " ", Role.DIM),)
    left = (*start, *(span for span in _left(row, pen) if span[0]))
    right = tuple(span for span in _right(row, pen) if span[0])
    if row.entry is not None and _is_old(row.entry):
        left, right = _dimmed(left), _dimmed(right)
    return Line(left, right, turning(row, pen), indent)


def turning(row: Row, pen: Pen) -> bool:
    """Tell whether a row has something that turns."""
    return pen.display.animation and (
        row.tally.thinking > 0 or (row.known is not None and row.known.status is Status.THINKING)
    )


def _is_old(entry: Entry) -> bool:
    return entry.stale or (entry.report is not None and not entry.report.reached)


def _dimmed(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    return tuple((text, Role.DIM if role in _DIMMED else role) for text, role in spans)


def _arrow(row: Row, pen: Pen) -> str:
    if isinstance(row.place, SessionRef) and row.place in pen.marked:
        return "✓" if pen.display.unicode else "+"
    if row.is_open is None or row.hidden:
        return " "
    return ("▾" if row.is_open else "▸") if pen.display.unicode else ("v" if row.is_open else ">")


def _left(row: Row, pen: Pen) -> Iterator[Span]:
    if row.known is not None:
        yield from _session(row.known, pen)
    elif row.hidden:
        dots = "…" if pen.display.unicode else "..."
        yield f"{dots} {figure(row.hidden)} more", Role.DIM
    elif row.project is not None:
        yield from _project(row.project, row.name, pen)
    elif row.entry is not None:
        yield from _host(row.entry, row.name, pen)
    else:
        yield from lit(row.name, Role.ACCENT, pen)


def _host(entry: Entry, name: str, pen: Pen) -> Iterator[Span]:
    state = entry.report.state if entry.report is not None else None
    mark = host_sign(state)
    yield f"{sign(mark, pen.display)} ", mark.role
    yield from lit(name, Role.STRONG, pen)
    if entry.host.label:
        yield "  ", Role.DIM
        yield from lit(clean(entry.host.alias), Role.DIM, pen)
    yield from _trouble(entry, mark.role, pen)


def _trouble(entry: Entry, role: Role, pen: Pen) -> Iterator[Span]:
    """Yield what a person should know of a host before anything else."""
    report = entry.report
    if report is None:
        yield "  asking" if entry.probing else "  not asked yet", Role.DIM
        return
    if not report.reached:
        yield f"  {_unreached(report)}", role
    elif report.state != "online":
        yield "  no opencode", Role.DIM
    if entry.stale and entry.good is not None:
        yield f"  as of {before(entry.good.at, pen.now)}", Role.DIM
    for failure in report.failures:
        yield f"  {clean(failure.part)}: {clean(failure.reason)}", Role.WARN


def _unreached(report: Report) -> str:
    """Return state and reason, the short one: the panel has the rest."""
    if report.reason and report.state in _TOLD:
        return clean(report.reason)
    why = report.how or report.reason
    return f"{report.state.replace('_', ' ')}{': ' if why else ''}{clean(why)}"


def _project(project: Project, name: str, pen: Pen) -> Iterator[Span]:
    yield from lit(name, Role.TEXT, pen)
    above = clean(project.ref.directory).removesuffix(name).rstrip("/")
    if pen.roomy or pen.words:
        yield "  ", Role.DIM
        yield from lit(above, Role.DIM, pen)
    if project.servers and pen.roomy:
        ports = " ".join(f":{server.port}" for server in project.servers)
        yield f"  {ports}", Role.DIM


def _session(known: Known, pen: Pen) -> Iterator[Span]:
    status = known.status
    glyph = session_sign(status, pen.display, pen.frame)
    wide = pen.display.unicode and len(SESSIONS[status].text.encode()) == 4  # noqa: PLR2004 - an emoji: two cells
    yield glyph + (" " if wide or not pen.display.unicode else "  "), SESSIONS[status].role
    role = Role.DIM if status in (Status.COLD, Status.ARCHIVED) else Role.TEXT
    yield from lit(clean(title(known)), role, pen)
    session = known.session
    if status is Status.WAITING and session.asks:
        yield f"  {clean(session.asks[0].text)}", Role.WARN
    elif status is Status.ERRORED:
        yield f"  {clean(session.error)}", Role.BAD
    if pen.words and session.title and _is_found(session.id, pen):
        yield "  ", Role.DIM
        yield from lit(clean(session.id), Role.DIM, pen)


def _is_found(text: str, pen: Pen) -> bool:
    return bool(places(pen.words, text))


def lit(text: str, role: Role, pen: Pen) -> Iterator[Span]:
    """Yield a text with what was searched for lit up."""
    found = places(pen.words, text) if pen.words else frozenset()
    if not found:
        yield text, role
        return
    for hit, letters in groupby(enumerate(text), key=lambda pair: pair[0] in found):
        yield "".join(letter for _, letter in letters), Role.MATCH if hit else role


def _right(row: Row, pen: Pen) -> Iterator[Span]:
    if row.known is not None:
        role = SESSIONS[row.known.status].role
        if pen.roomy:
            yield f"{row.known.status.value:>8} ", Role.DIM if role is Role.TEXT else role
        yield f"{ago(row.known.session.updated, pen.now):>4}", Role.DIM
    elif not row.hidden:
        yield from tally(row.tally, pen)
        if row.entry is None:
            yield f" {row.tally.on}/{row.tally.hosts} hosts", Role.DIM
        if row.tally.sessions:
            yield f"{figure(row.tally.sessions):>6}", Role.DIM


def tally(counts: Tally, pen: Pen) -> Iterator[Span]:
    """Yield how many sessions think, wait, have failed: what there is of it."""
    for status, number in (
        (Status.THINKING, counts.thinking),
        (Status.WAITING, counts.waiting),
        (Status.ERRORED, counts.errored),
    ):
        if number:
            glyph = session_sign(status, pen.display, pen.frame)
            yield f" {glyph}{figure(number)}", SESSIONS[status].role
