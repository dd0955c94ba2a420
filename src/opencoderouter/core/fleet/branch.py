"""The rows of one host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from opencoderouter.core.fleet.fleet import Entry
from opencoderouter.core.fleet.found import MISS, Hit, Texts, every, hit, hopeless, scores
from opencoderouter.core.fleet.model import HostRef
from opencoderouter.core.fleet.preferences import SortBy
from opencoderouter.core.fleet.projects import NOTHING, Facts, Known, Project, Tally, clean
from opencoderouter.core.fleet.refs import MoreRef, Place
from opencoderouter.core.fleet.status import Status
from opencoderouter.core.fleet.view import STATES, Filter, Fold

_ALWAYS = (Status.WAITING, Status.THINKING)  # seen even where there are too many
_EVERYTHING = frozenset(Status)
_CURRENT = _EVERYTHING - {Status.ARCHIVED}


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``open`` is None for what has nothing below it; ``hidden`` counts what is left out.

    ``score`` is how well it matches the search by itself.
    """

    place: Place
    depth: int
    name: str
    tally: Tally = NOTHING
    is_open: bool | None = None
    entry: Entry | None = None
    project: Project | None = None
    known: Known | None = None
    hidden: int = 0
    score: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a view matters for one host; ``above`` are the words that its group has."""

    words: tuple[str, ...]
    above: int
    filter: Filter
    sort: SortBy
    show_archived: bool
    max_display: int
    fold: Fold
    depth: int

    @property
    def narrowed(self) -> bool:
        """Tell whether rows are left out."""
        return bool(self.words) or self.filter is not Filter.ALL


@dataclass(frozen=True, slots=True)
class Branch:
    """The rows of a host, and what it has, shown or not."""

    rows: tuple[Row, ...]
    tally: Tally


@dataclass(frozen=True, slots=True)
class _Found:
    """A project with what is shown of it. ``hit``: it matches itself; ``inner``: below it."""

    project: Project
    hit: Hit
    sessions: tuple[tuple[Known, int], ...]  # with their scores
    inner: bool


def branch(facts: Facts, texts: Texts | None, wanted: Wanted) -> Branch:
    """Return the rows of a host; none where a search or filter finds nothing on it."""
    host = hit(wanted.words, texts.host) if texts is not None and wanted.words else MISS
    found = tuple(_projects(facts, texts, wanted, host))
    if wanted.narrowed and not found and not _shown_alone(facts, wanted, host):
        return Branch((), facts.tally)
    return Branch(tuple(_rows(facts, found, wanted, host)), facts.tally)


def _shown_alone(facts: Facts, wanted: Wanted, host: Hit) -> bool:
    """Tell whether a host is shown though nothing below it is."""
    if wanted.filter not in (Filter.ALL, Filter.TROUBLE):
        return False
    named = host.words | wanted.above == every(wanted.words)
    return named and (wanted.filter is Filter.ALL or in_trouble(facts.entry))


def in_trouble(entry: Entry) -> bool:
    """Tell whether something is wrong with a host itself."""
    report = entry.report
    return report is not None and (not report.reached or bool(report.failures))


def _rows(facts: Facts, found: tuple[_Found, ...], wanted: Wanted, host: Hit) -> Iterator[Row]:
    is_open = not wanted.fold.closed or any(one.inner for one in found)
    entry = facts.entry
    score = host.score if host.words | wanted.above == every(wanted.words) else 0
    yield Row(
        HostRef(entry.host.alias),
        wanted.depth,
        clean(entry.host.name),
        facts.tally,
        is_open=is_open if found else None,
        entry=entry,
        score=score,
    )
    if is_open:
        for one in _sorted(found, wanted):
            yield from _project_rows(facts.entry, one, wanted)


def _sorted(found: tuple[_Found, ...], wanted: Wanted) -> Iterable[_Found]:
    if wanted.sort is SortBy.LAST_ACTIVITY:
        return found
    return sorted(found, key=lambda one: one.project.name.lower())


def _project_rows(entry: Entry, found: _Found, wanted: Wanted) -> Iterator[Row]:
    project, fold = found.project, wanted.fold
    directory = project.ref.directory
    is_open = directory in fold.open or (found.inner and directory not in fold.shut)
    yield Row(
        project.ref,
        wanted.depth + 1,
        project.name,
        project.tally,
        is_open=is_open if found.sessions else None,
        entry=entry,
        project=project,
        score=found.hit.score,
    )
    if is_open:
        yield from _session_rows(entry, found, wanted)


def _session_rows(entry: Entry, found: _Found, wanted: Wanted) -> Iterator[Row]:
    project, depth = found.project, wanted.depth + 2
    everything = project.ref.directory in wanted.fold.full
    shown = found.sessions if everything else _newest(found.sessions, wanted.max_display)
    if wanted.sort is SortBy.NAME:
        shown = tuple(sorted(shown, key=lambda pair: title(pair[0]).lower()))
    for known, score in shown:
        yield Row(known.ref, depth, "", entry=entry, project=project, known=known, score=score)
    if hidden := len(found.sessions) - len(shown):
        place = MoreRef(project.ref.alias, project.ref.directory)
        yield Row(place, depth, "", is_open=False, entry=entry, project=project, hidden=hidden)


def title(known: Known) -> str:
    """Return what a session is called."""
    return known.session.title or known.session.id


def _newest(sessions: tuple[tuple[Known, int], ...], most: int) -> tuple[tuple[Known, int], ...]:
    rest = (pair for pair in sessions[most:] if pair[0].status in _ALWAYS)
    return (*sessions[:most], *rest)


def _projects(facts: Facts, texts: Texts | None, wanted: Wanted, host: Hit) -> Iterator[_Found]:
    if wanted.filter is Filter.TROUBLE:
        return
    above = host.words | wanted.above
    for at, project in enumerate(facts.projects):
        if texts is None or not wanted.words:
            found: _Found | None = _found(project, wanted)
        elif hopeless(wanted.words, above, texts.whole[at]):
            found = None
        else:
            lines = texts.projects[at], texts.sessions[at]
            found = _searched(_found(project, wanted), lines, wanted, above)
        if found is not None and (found.sessions or _served(project, wanted)):
            yield found


def _served(project: Project, wanted: Wanted) -> bool:
    """Tell whether a project is shown though none of its sessions is: it has a server."""
    return bool(project.servers) and wanted.filter is Filter.ALL


def _found(project: Project, wanted: Wanted) -> _Found:
    """Return what the filter leaves of a project."""
    states = STATES.get(wanted.filter)
    if states is None:
        states = _EVERYTHING if wanted.show_archived else _CURRENT
    shown = tuple((known, 0) for known in project.sessions if known.status in states)
    return _Found(project, MISS, shown, inner=wanted.narrowed)


def _searched(
    found: _Found, lines: tuple[str, Mapping[str, str]], wanted: Wanted, above: int
) -> _Found | None:
    """Return what a search leaves of it: what matches in it, or all if only itself does."""
    query = every(wanted.words)
    own = hit(wanted.words, lines[0])
    here = own.words | above
    texts = [lines[1][known.ref.id] for known, _ in found.sessions]
    points = scores(wanted.words, texts, here)
    scored = tuple((known, score) for (known, _), score in zip(found.sessions, points, strict=True))
    inner = any(points)
    if here == query and (not inner or found.project.ref.directory in wanted.fold.open):
        return _Found(found.project, own, scored, inner or wanted.filter is not Filter.ALL)
    if not inner:
        return None
    return _Found(found.project, MISS, tuple(pair for pair in scored if pair[1]), inner=True)
