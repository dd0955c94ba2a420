"""The figures of a whole fleet, for as much room as there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from opencoderouter.core.fleet.fleet import Fleet
from opencoderouter.core.fleet.line import Pen, Span, tally
from opencoderouter.core.fleet.preferences import SortBy
from opencoderouter.core.fleet.projects import Tally
from opencoderouter.core.fleet.status import Role
from opencoderouter.core.fleet.view import Filter, View
from opencoderouter.core.fleet.wording import countdown, counted, figure, short

ROOMY, TIGHT = 100, 80  # cells of the screen


@dataclass(frozen=True, slots=True)
class Figures:
    """What the first line says beside the search: its title, then the figures."""

    title: tuple[Span, ...]
    all: tuple[Span, ...]


def figures(counts: Tally, view: View, pen: Pen, cells: int) -> Figures:
    """Return the figures of a fleet, and what hides a part of it, for a screen of some width."""
    title = ((" OpenCode fleet  ", Role.ACCENT),) if cells >= ROOMY else ((" ", Role.DIM),)
    return Figures(title, (*_chosen(view), *_counts(counts, pen, cells), (" ", Role.DIM)))


def _chosen(view: View) -> Iterator[Span]:
    """Yield what a person should not forget that is on."""
    if view.filter is not Filter.ALL:
        yield f" [{view.filter.value}]", Role.WARN
    if view.sort is not SortBy.LAST_ACTIVITY:
        yield f" [by {view.sort.value}]", Role.ACCENT
    if view.marked:
        yield f" [{len(view.marked)} marked]", Role.ACCENT


def _counts(counts: Tally, pen: Pen, cells: int) -> Iterator[Span]:
    on = Role.GOOD if counts.on == counts.hosts else Role.WARN
    yield f"  {counts.on}", on
    if cells < TIGHT:
        yield f"/{counts.hosts}  {short(counts.sessions)}", Role.DIM
    else:
        hosts, sessions = counted(counts.hosts, "host"), counted(counts.sessions, "session")
        yield f"/{hosts}  {sessions}", Role.DIM
    yield from ((f" {text}", role) for text, role in tally(counts, pen))


def refresh_in(fleet: Fleet, pen: Pen) -> tuple[Span, ...]:
    """Return how long it is until hosts are asked again, always as wide."""
    mark = "↻" if pen.display.unicode else "@"
    if fleet.sweeping:
        word = "…" if pen.display.unicode else "..."
    elif fleet.next_at is None:
        word = ""
    else:
        word = countdown(fleet.next_at - pen.now) if pen.display.animation else ""
    return ((f" {mark} {word:>3} ", Role.DIM),)


def empty(fleet: Fleet, view: View, counts: Tally) -> tuple[str, ...]:
    """Return what to say where there is no row, or nothing worth looking at below hosts."""
    if not fleet.entries:
        return (
            "No hosts.",
            "Hosts come from ~/.ssh/config: every Host without a wildcard.",
            "Or name some: ocr host1 user@host2",
            *fleet.problems,
        )
    if view.narrowed:
        what = f"{view.query.strip()!r}" if view.query.strip() else view.filter.value
        return (f"Nothing for {what} on {figure(counts.hosts)} hosts.", "Esc shows all again.")
    return ()
