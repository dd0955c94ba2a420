"""What a person has done to the tree: searched, folded, chosen, marked. Immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from opencoderouter.core.fleet.model import HostRef, ProjectRef, SessionRef
from opencoderouter.core.fleet.preferences import Sessions, SortBy
from opencoderouter.core.fleet.refs import GroupRef, MoreRef, Place
from opencoderouter.core.fleet.status import Status


class Filter(StrEnum):
    """Which sessions are shown."""

    ALL = "all"
    WAITING = "waiting"
    THINKING = "thinking"
    ACTIVE = "active"
    IDLE = "idle"
    ERRORED = "errored"
    COLD = "cold"
    ARCHIVED = "archived"
    TROUBLE = "hosts in trouble"


STATES: Mapping[Filter, frozenset[Status]] = {
    Filter.WAITING: frozenset({Status.WAITING}),
    Filter.THINKING: frozenset({Status.THINKING}),
    Filter.ACTIVE: frozenset({Status.ACTIVE, Status.THINKING, Status.WAITING}),
    Filter.IDLE: frozenset({Status.IDLE}),
    Filter.ERRORED: frozenset({Status.ERRORED}),
    Filter.COLD: frozenset({Status.COLD}),
    Filter.ARCHIVED: frozenset({Status.ARCHIVED}),
    Filter.TROUBLE: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Fold:
    """How one host is unfolded: it is open, its projects (``open``, directories) are not.

    ``full`` are projects that show all their sessions. ``shut`` are projects that a search or a
    filter would open, and a person has closed again.
    """

    closed: bool = False
    open: frozenset[str] = frozenset()
    full: frozenset[str] = frozenset()
    shut: frozenset[str] = frozenset()


UNTOUCHED = Fold()


@dataclass(frozen=True, slots=True)
class View:
    """All of it. ``groups`` are those that are closed, ``max_display`` is for each project.

    ``preferred`` is the order that the preferences had when ``sort`` was theirs last.
    """

    query: str = ""
    filter: Filter = Filter.ALL
    sort: SortBy = SortBy.LAST_ACTIVITY
    show_archived: bool = False
    max_display: int = 50
    selected: Place | None = None
    marked: frozenset[SessionRef] = frozenset()
    groups: frozenset[str] = frozenset()
    hosts: Mapping[str, Fold] = field(default_factory=dict)
    preferred: SortBy | None = None

    @property
    def narrowed(self) -> bool:
        """Tell whether a search or a filter hides rows."""
        return bool(self.query.split()) or self.filter is not Filter.ALL

    def fold(self, alias: str) -> Fold:
        """Return how a host is unfolded."""
        return self.hosts.get(alias, UNTOUCHED)

    def preferring(self, sessions: Sessions) -> View:
        """Return it with what they say; an order that was chosen stays until they have another."""
        is_new = sessions.sort_by is not self.preferred
        return replace(
            self,
            sort=sessions.sort_by if is_new else self.sort,
            preferred=sessions.sort_by,
            show_archived=sessions.show_archived,
            max_display=sessions.max_display,
        )

    def searching(self, query: str) -> View:
        """Return it with another query; what was closed within the last one may open again."""
        return replace(self, query=query, hosts=_reopened(self.hosts))

    def filtering(self, chosen: Filter) -> View:
        """Return it with another filter."""
        return replace(self, filter=chosen, hosts=_reopened(self.hosts))

    def opened(self, place: Place) -> View:
        """Return it with a row opened; for the rest of a project, with that project in full."""
        return self._changed(place, is_open=True)

    def closed(self, place: Place) -> View:
        """Return it with a row closed."""
        return self._changed(place, is_open=False)

    def collapsed(self) -> View:
        """Return it with all projects closed."""
        hosts = {alias: Fold(closed=fold.closed) for alias, fold in self.hosts.items()}
        return replace(self, hosts=hosts)

    def marking(self, session: SessionRef) -> View:
        """Return it with a session marked, or no longer."""
        return replace(self, marked=self.marked ^ {session})

    def _changed(self, place: Place, *, is_open: bool) -> View:
        match place:
            case GroupRef(name=name):
                return replace(self, groups=_with(self.groups, name, wanted=not is_open))
            case HostRef(alias=alias):
                return self._having(alias, replace(self.fold(alias), closed=not is_open))
            case ProjectRef(alias=alias, directory=directory):
                return self._having(alias, _turned(self.fold(alias), directory, is_open=is_open))
            case MoreRef(alias=alias, directory=directory):
                fold = self.fold(alias)
                return self._having(alias, replace(fold, full=_with(fold.full, directory)))
            case SessionRef():
                return self

    def _having(self, alias: str, fold: Fold) -> View:
        return replace(self, hosts={**self.hosts, alias: fold})


def _turned(fold: Fold, directory: str, *, is_open: bool) -> Fold:
    return replace(
        fold,
        open=_with(fold.open, directory, wanted=is_open),
        shut=_with(fold.shut, directory, wanted=not is_open),
        full=fold.full if is_open else fold.full - {directory},
    )


def _with(names: frozenset[str], name: str, *, wanted: bool = True) -> frozenset[str]:
    return names | {name} if wanted else names - {name}


def _reopened(hosts: Mapping[str, Fold]) -> Mapping[str, Fold]:
    if not any(fold.shut for fold in hosts.values()):
        return hosts
    return {alias: replace(fold, shut=frozenset()) for alias, fold in hosts.items()}
