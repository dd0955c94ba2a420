"""The tree as rows: Group? -> Host -> Project -> Sessions, as much of it as a view shows.

``Rows`` remembers each host's rows: only hosts whose entry or folding has changed are made again.
What a row looks like is made when it is drawn (``core.fleet.line``), for what is visible only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from opencoderouter.core.fleet.branch import Branch, Row, Wanted, branch
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.found import Hit, Texts, every, hit, texts
from opencoderouter.core.fleet.model import HostRef, SessionRef
from opencoderouter.core.fleet.preferences import Display, SortBy
from opencoderouter.core.fleet.projects import (
    NOTHING,
    Facts,
    Tally,
    clean,
    facts,
    sum_of,
    waiting_of,
)
from opencoderouter.core.fleet.refs import GroupRef, MoreRef, Place
from opencoderouter.core.fleet.search import folded, words
from opencoderouter.core.fleet.select import rank
from opencoderouter.core.fleet.view import Filter, View

_OLD = 60.0  # seconds after which what depends on a session's age is looked at again


@dataclass(frozen=True, slots=True)
class Sheet:
    """All rows of a view, and how many there are of what in the whole fleet, seen or not."""

    rows: tuple[Row, ...] = ()
    tally: Tally = NOTHING

    def find(self, place: Place | None) -> int | None:
        """Return where the row of ``place`` is."""
        if place is None:
            return None
        rows = enumerate(self.rows)
        return next((at for at, row in rows if row.place is place or row.place == place), None)

    def best(self) -> int | None:
        """Return where the best match of a search is, the first of several."""
        at = max(range(len(self.rows)), key=lambda at: self.rows[at].score, default=None)
        return at if at is not None and self.rows[at].score else None


def nearest(old: Sheet, new: Sheet, place: Place | None) -> int | None:
    """Return where ``place`` is now; where it has gone, what stood next to it before."""
    if not new.rows:
        return None
    at = new.find(place)
    before = old.find(place) if at is None else None
    if before is None:
        return at or 0
    there = {row.place: at for at, row in enumerate(new.rows)}
    around = (*old.rows[before + 1 :], *reversed(old.rows[:before]))
    return next((there[row.place] for row in around if row.place in there), 0)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is remembered of one host, and of what it was made."""

    facts: Facts
    texts: Texts | None
    asked: object
    branch: Branch


class Rows:
    """Makes sheets. It has no state but for what it need not do again."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._made: tuple[Display, float] | None = None

    def of(self, fleet: Fleet, view: View, now: float, display: Display) -> Sheet:
        """Return what ``view`` shows of a fleet; ``now`` tells how old a session is."""
        self._forget(fleet, now, display)
        rows: list[Row] = []
        tallies = []
        for name, entries in grouped(fleet, view.sort):
            branches = [self._branch(entry, view, now, display) for entry in entries]
            tallies += [one.tally for one in branches]
            rows += _group(name, branches, view) if name else _flat(branches)
        return Sheet(tuple(rows), sum_of(tallies))

    def facts(self, alias: str) -> Facts | None:
        """Return what was made of a host last."""
        kept = self._kept.get(alias)
        return kept.facts if kept is not None else None

    def _forget(self, fleet: Fleet, now: float, display: Display) -> None:
        if self._made is None or self._made[0] != display or not 0 <= now - self._made[1] < _OLD:
            self._kept.clear()
            self._made = (display, now)
        for alias in self._kept.keys() - fleet.entries.keys():
            del self._kept[alias]

    def _branch(self, entry: Entry, view: View, now: float, display: Display) -> Branch:
        alias = entry.host.alias
        kept = self._kept.get(alias)
        wanted = _wanted(entry, view)
        if kept is not None and kept.facts.entry is entry and kept.asked == wanted:
            return kept.branch
        same = kept is not None and kept.facts.entry is entry
        known = kept.facts if kept is not None and same else facts(entry, now, display)
        lines = kept.texts if kept is not None and same else None
        if wanted.words and lines is None:
            lines = texts(known)
        made = branch(known, lines, wanted)
        self._kept[alias] = _Kept(known, lines, wanted, made)
        return made


def _wanted(entry: Entry, view: View) -> Wanted:
    query = words(view.query)
    group = hit(query, folded(entry.host.group)) if query else Hit()
    return Wanted(
        query,
        group.words,
        view.filter,
        view.sort,
        view.show_archived,
        view.max_display,
        view.fold(entry.host.alias),
        1 if entry.host.group else 0,
    )


def grouped(fleet: Fleet, sort: SortBy) -> Iterable[tuple[str, tuple[Entry, ...]]]:
    """Return hosts by group, those of priority first; a host without a group is alone (``""``)."""
    entries: Iterable[Entry] = fleet.entries.values()
    if sort is not SortBy.LAST_ACTIVITY:
        entries = sorted(entries, key=lambda one: (rank(one.host), one.host.name.lower()))
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        key = entry.host.group or f"\0{entry.host.alias}"
        groups.setdefault(key, []).append(entry)
    return [
        ("" if key.startswith("\0") else key, tuple(members)) for key, members in groups.items()
    ]


def _flat(branches: list[Branch]) -> Iterator[Row]:
    for one in branches:
        yield from one.rows


def _group(name: str, branches: list[Branch], view: View) -> Iterator[Row]:
    query = words(view.query)
    found = hit(query, folded(name)) if query else Hit()
    if view.narrowed and not any(one.rows for one in branches):
        return
    is_open = name not in view.groups or view.narrowed
    own = found.score if query and found.words == every(query) else 0
    tally = sum_of(one.tally for one in branches)
    yield Row(GroupRef(name), 0, clean(name), tally, is_open=is_open, score=own)
    if is_open:
        yield from _flat(branches)


def waiting(sheets: Rows, entries: Mapping[str, Entry]) -> tuple[SessionRef, ...]:
    """Return all sessions that wait for a person, in the order of the list."""
    known = (sheets.facts(alias) for alias in entries)
    return tuple(one.ref for facts in known if facts is not None for one in waiting_of(facts))


def revealing(view: View, place: Place, fleet: Fleet, rows: Rows) -> View:
    """Return a view that shows a row: what hides it is opened, a search that does is given up."""
    if isinstance(place, GroupRef) or place.alias not in fleet.entries:
        return view
    entry = fleet.entries[place.alias]
    if view.narrowed:
        view = view.searching("").filtering(Filter.ALL)
    view = view.opened(GroupRef(entry.host.group))
    if isinstance(place, HostRef):
        return view
    view = view.opened(HostRef(place.alias))
    if isinstance(place, SessionRef):
        return _opened_to(view, place, rows.facts(place.alias))
    return view


def _opened_to(view: View, place: SessionRef, facts: Facts | None) -> View:
    for project in facts.projects if facts is not None else ():
        refs = [known.ref for known in project.sessions]
        if place in refs:
            view = view.opened(project.ref)
            if refs.index(place) >= view.max_display:
                view = view.opened(MoreRef(project.ref.alias, project.ref.directory))
    return view
