"""What is known at one moment. Every change returns a new table, or the same one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from opencoderouter.core.model import PREFERENCE, ROUTED, Backend, Kind, Listener, Project

Key = tuple[str, int, int | None]


@dataclass(frozen=True, slots=True)
class Table:
    """All projects by slug. ``leases`` maps every directory ever named to its slug.

    ``labels`` are the host labels on the network of slugs whose usual one another machine has.
    ``version`` rises by one with each change that a client could see.
    """

    version: int = 0
    projects: Mapping[str, Project] = field(default_factory=lambda: MappingProxyType({}))
    leases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def backends(self) -> Iterable[Backend]:
        """Yield every backend, project by project."""
        return (backend for project in self.projects.values() for backend in project.backends)

    def serving(self, directory: str) -> Project | None:
        """Return the project of exactly this directory, when it is served."""
        slug = self.leases.get(directory)
        return self.projects.get(slug) if slug else None


def lease(table: Table, leases: Mapping[str, str]) -> Table:
    """Return the table with these leases (a superset of its own)."""
    return _changed(table, _known(table), leases)


def relabel(table: Table, slug: str, label: str) -> Table:
    """Return the table with another host label for a slug."""
    labels = MappingProxyType({**table.labels, slug: label})
    return replace(table, version=table.version + 1, labels=labels)


def observe(
    table: Table, backends: Iterable[Backend], leases: Mapping[str, str] | None = None
) -> Table:
    """Return the table with these backends in it, new or as they are now.

    ``leases``, by default the table's own, names every directory that is served then.
    """
    known = _known(table) | {backend.listener.key: backend for backend in backends}
    return _changed(table, known, table.leases if leases is None else leases)


def forget(table: Table, listeners: Iterable[Listener]) -> Table:
    """Return the table without the backends behind these listeners."""
    gone = {listener.key for listener in listeners}
    known = {key: backend for key, backend in _known(table).items() if key not in gone}
    return _changed(table, known, table.leases)


def _known(table: Table) -> dict[Key, Backend]:
    return {backend.listener.key: backend for backend in table.backends()}


def _changed(table: Table, known: dict[Key, Backend], leases: Mapping[str, str]) -> Table:
    if known == _known(table) and leases == table.leases:
        return table
    routes = {slug: project.route.listener.key for slug, project in table.projects.items()}
    projects = MappingProxyType(_projects(known.values(), leases, routes))
    return Table(table.version + 1, projects, MappingProxyType(dict(leases)), table.labels)


def _projects(
    backends: Iterable[Backend], leases: Mapping[str, str], routes: Mapping[str, Key]
) -> dict[str, Project]:
    found: dict[str, list[Backend]] = {}
    for backend in backends:
        found.setdefault(leases[backend.identity.directory], []).append(backend)
    return {
        slug: Project(slug, group[0].identity.directory, _ranked(group, routes.get(slug)))
        for slug, group in sorted(found.items())
    }


def _ranked(group: list[Backend], holder: Key | None) -> tuple[Backend, ...]:
    """Put those that can take requests first; among them OpenCode, then the holder of the route.

    A process that is not OpenCode may say that it serves any directory: it keeps no route that
    OpenCode can take. The rest is by kind, then by port: the same at every start, whatever was
    found first.
    """

    def rank(backend: Backend) -> tuple[bool, bool, bool, int, int, str, int]:
        listener = backend.listener
        return (
            backend.status not in ROUTED,
            listener.kind is Kind.OTHER,
            listener.key != holder,
            PREFERENCE[listener.kind],
            listener.port,
            listener.address,
            listener.inode or 0,
        )

    return tuple(sorted(group, key=rank))
