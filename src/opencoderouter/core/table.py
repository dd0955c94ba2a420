"""What is known at one moment. Every change returns a new table, or the same one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from opencoderouter.core.model import PREFERENCE, Backend, Listener, Project

Key = tuple[str, int, int | None]


@dataclass(frozen=True, slots=True)
class Table:
    """All projects by slug. ``leases`` maps every directory ever named to its slug.

    ``version`` rises by one with each change that a client could see.
    """

    version: int = 0
    projects: Mapping[str, Project] = field(default_factory=lambda: MappingProxyType({}))
    leases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def backends(self) -> Iterable[Backend]:
        """Yield every backend, project by project."""
        return (backend for project in self.projects.values() for backend in project.backends)

    def serving(self, directory: str) -> Project | None:
        """Return the project of exactly this directory, when it is served."""
        slug = self.leases.get(directory)
        return self.projects.get(slug) if slug else None


def lease(table: Table, leases: Mapping[str, str]) -> Table:
    """Return the table with these leases (a superset of its own)."""
    if leases == table.leases:
        return table
    return replace(table, version=table.version + 1, leases=MappingProxyType(dict(leases)))


def observe(table: Table, backends: Iterable[Backend]) -> Table:
    """Return the table with these backends in it, new or as they are now.

    Each backend's directory must have a lease.
    """
    return _apply(table, lambda known: known | {b.listener.key: b for b in backends})


def forget(table: Table, listeners: Iterable[Listener]) -> Table:
    """Return the table without the backends behind these listeners."""
    gone = {listener.key for listener in listeners}
    return _apply(table, lambda known: {k: b for k, b in known.items() if k not in gone})


def _apply(table: Table, change: Callable[[dict[Key, Backend]], dict[Key, Backend]]) -> Table:
    before = {backend.listener.key: backend for backend in table.backends()}
    after = change(dict(before))
    if after == before:
        return table
    routes = {slug: project.route.listener.key for slug, project in table.projects.items()}
    projects = _projects(after.values(), table.leases, routes)
    return replace(table, version=table.version + 1, projects=MappingProxyType(projects))


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
    """Put the holder of the route first, then the kinds in order of preference, oldest first."""
    return tuple(
        sorted(group, key=lambda b: (b.listener.key != holder, PREFERENCE[b.listener.kind]))
    )
