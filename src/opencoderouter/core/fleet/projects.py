"""The sessions of one host by project, with what each does: what the tree is made of."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce

from opencoderouter.core.fleet.fleet import Entry
from opencoderouter.core.fleet.model import ProjectRef, Server, Session, SessionRef
from opencoderouter.core.fleet.preferences import Display
from opencoderouter.core.fleet.refs import directory_of, session_ref
from opencoderouter.core.fleet.status import Status, status_of
from opencoderouter.core.printable import printable

LONGEST = 400  # letters of a title or path that are ever shown on one line


@dataclass(frozen=True, slots=True)
class Tally:
    """How many there are of what. ``sessions`` are those that are not archived."""

    hosts: int = 0
    on: int = 0
    sessions: int = 0
    thinking: int = 0
    waiting: int = 0
    errored: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.hosts + other.hosts,
            self.on + other.on,
            self.sessions + other.sessions,
            self.thinking + other.thinking,
            self.waiting + other.waiting,
            self.errored + other.errored,
        )


NOTHING = Tally()


@dataclass(frozen=True, slots=True)
class Known:
    """A session, what it does, and what it is known by."""

    session: Session
    status: Status
    ref: SessionRef


@dataclass(frozen=True, slots=True)
class Project:
    """A directory of a host with its sessions (newest first) and its servers.

    ``name`` is its last folder, with as many before it as tell it from the host's others.
    """

    ref: ProjectRef
    name: str
    sessions: tuple[Known, ...]
    servers: tuple[Server, ...]
    tally: Tally

    @property
    def updated(self) -> float:
        """Return when something happened last, 0 where nobody knows."""
        return self.sessions[0].session.updated or 0 if self.sessions else 0


@dataclass(frozen=True, slots=True)
class Facts:
    """One host: its projects, those first in which something happened last."""

    entry: Entry
    projects: tuple[Project, ...]
    tally: Tally


def clean(text: str) -> str:
    """Return the beginning of a text of others as it may be shown on one line."""
    text = text[:LONGEST]
    return text if text.isprintable() else printable(text)


def facts(entry: Entry, now: float, display: Display) -> Facts:
    """Return what the tree shows of a host. Directories with a server only are projects, too."""
    by_directory: dict[str, list[Known]] = defaultdict(list)
    for session in entry.sessions:
        known = Known(
            session, status_of(session, now, display), session_ref(entry.host.alias, session)
        )
        by_directory[directory_of(session)].append(known)
    servers = _servers(entry, by_directory)
    names = project_names({*by_directory, *servers})
    projects = [
        _project(entry.host.alias, directory, name, by_directory[directory], servers[directory])
        for directory, name in names.items()
    ]
    projects.sort(key=lambda project: (-project.updated, project.name))
    on = 1 if entry.report is not None and entry.report.reached else 0
    return Facts(entry, tuple(projects), sum_of((p.tally for p in projects), Tally(1, on)))


def sum_of(tallies: Iterable[Tally], start: Tally = NOTHING) -> Tally:
    """Return all tallies as one."""
    return reduce(Tally.__add__, tallies, start)


def project_names(directories: Iterable[str]) -> Mapping[str, str]:
    """Return a name for each directory: its last folder, and as many before as make it unique."""
    names: dict[str, str] = {}
    rest, depth = set(directories), 1
    while rest:
        tails = {directory: _tail(directory, depth) for directory in rest}
        taken = Counter(tails.values())
        done = {d: tail for d, tail in tails.items() if taken[tail] == 1 or tail == d}
        names.update(done)
        rest -= done.keys()
        depth += 1
    return {directory: clean(name) or "(no directory)" for directory, name in names.items()}


def _tail(directory: str, depth: int) -> str:
    parts = directory.rstrip("/").split("/")
    return "/".join(parts[-depth:]) if any(parts) and depth < len(parts) else directory


def _servers(
    entry: Entry, directories: Mapping[str, object]
) -> defaultdict[str, tuple[Server, ...]]:
    """Return servers by project; one in a folder of a project belongs to that project."""
    found: defaultdict[str, tuple[Server, ...]] = defaultdict(tuple)
    inner = {session.directory: directory_of(session) for session in entry.sessions}
    for server in entry.good.servers if entry.good is not None else ():
        if server.directory:
            place = inner.get(server.directory, server.directory)
            found[place if place in directories else server.directory] += (server,)
    return found


def _project(
    alias: str, directory: str, name: str, sessions: list[Known], servers: tuple[Server, ...]
) -> Project:
    sessions.sort(key=_newest_first)
    ref = ProjectRef(alias, directory)
    return Project(ref, name, tuple(sessions), servers, _tally(sessions))


def _newest_first(known: Known) -> tuple[float, str]:
    return -(known.session.updated or 0), known.session.id


def _tally(sessions: Iterable[Known]) -> Tally:
    counts = Counter(known.status for known in sessions)
    return Tally(
        sessions=counts.total() - counts[Status.ARCHIVED],
        thinking=counts[Status.THINKING],
        waiting=counts[Status.WAITING],
        errored=counts[Status.ERRORED],
    )


def waiting_of(facts: Facts) -> Iterator[Known]:
    """Yield the sessions that wait for a person, in the order of the tree."""
    for project in facts.projects:
        if project.tally.waiting:
            yield from (known for known in project.sessions if known.status is Status.WAITING)
