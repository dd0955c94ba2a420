"""The one mutable cell of the router: the current table.

``scan`` is the only writer of backends. ``lease`` may be called by who wants a name early.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from types import MappingProxyType

from opencoderouter.core import slug as names
from opencoderouter.core import table as tables
from opencoderouter.core.model import Backend, Listener
from opencoderouter.core.named import is_local
from opencoderouter.core.table import Table
from opencoderouter.watch import Watch

Save = Callable[[Mapping[str, str]], None]


class Registry:
    """Names backends and publishes tables.

    ``leases`` are those of earlier runs, and of named servers; ``labels`` are the host labels of
    earlier runs; ``save`` is told all of this
    machine's directories whenever one is added; ``limit`` is the longest slug; ``ascii_`` spells
    other scripts in ASCII.
    """

    def __init__(
        self,
        leases: Mapping[str, str] | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        limit: int = names.LABEL,
        ascii_: names.Ascii = str,
        save: Save = lambda _: None,
    ) -> None:
        self._limit, self._ascii, self._save = limit, ascii_, save
        kept = MappingProxyType(dict(leases or {})), MappingProxyType(dict(labels or {}))
        self._watch = Watch(Table(leases=kept[0], labels=kept[1]))

    @property
    def table(self) -> Table:
        """Return the newest table."""
        return self._watch.value

    def follow(self) -> AsyncIterator[Table]:
        """Yield the table of now, then the newest one after each change."""
        return self._watch.follow()

    def lease(self, *directories: str) -> None:
        """Give each directory a name that it keeps."""
        self._watch.set(tables.lease(self.table, self._leases(directories)))

    def observe(self, *backends: Backend) -> None:
        """Take these backends in, or take note of how they are now: one change, one table."""
        leases = self._leases(backend.identity.directory for backend in backends)
        self._watch.set(tables.observe(self.table, backends, leases))

    def observe_as(self, slug: str, backend: Backend) -> None:
        """Take in a named server: its directory, whatever that is now, has the reserved ``slug``.

        There is no other backend of that slug: who had another listener was forgotten.
        """
        others = {d: name for d, name in self.table.leases.items() if name != slug}
        leases = {**others, backend.identity.directory: slug}
        self._watch.set(tables.observe(self.table, [backend], leases))

    def relabel(self, slug: str, label: str) -> None:
        """Give a project, or the router itself (``ocr``), another host label on the network."""
        self._watch.set(tables.relabel(self.table, slug, label))

    def forget(self, *listeners: Listener) -> None:
        """Unroute the backends behind these listeners."""
        self._watch.set(tables.forget(self.table, listeners))

    def _leases(self, directories: Iterable[str]) -> Mapping[str, str]:
        old = self.table.leases
        leases = names.assign(old, directories, limit=self._limit, ascii_=self._ascii)
        if leases != old:
            self._save({d: slug for d, slug in leases.items() if is_local(d)})
        return leases
