"""The one mutable cell of the router: the current table.

``scan`` is the only writer of backends. ``lease`` may be called by who wants a name early.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

from opencoderouter.core import slug as names
from opencoderouter.core import table as tables
from opencoderouter.core.model import Backend, Listener
from opencoderouter.core.table import Table
from opencoderouter.watch import Watch

Save = Callable[[Mapping[str, str]], None]


class Registry:
    """Names backends and publishes tables.

    ``leases`` are those of earlier runs; ``save`` is told all of them whenever one is added;
    ``limit`` is the longest slug; ``ascii_`` spells other scripts in ASCII.
    """

    def __init__(
        self,
        leases: Mapping[str, str] | None = None,
        *,
        limit: int = names.LABEL,
        ascii_: names.Ascii = str,
        save: Save = lambda _: None,
    ) -> None:
        self._limit, self._ascii, self._save = limit, ascii_, save
        self._watch = Watch(tables.lease(Table(), dict(leases or {})))

    @property
    def table(self) -> Table:
        """Return the newest table."""
        return self._watch.value

    def follow(self) -> AsyncIterator[Table]:
        """Yield the table of now, then the newest one after each change."""
        return self._watch.follow()

    def lease(self, *directories: str) -> None:
        """Give each directory a name that it keeps."""
        leases = names.assign(self.table.leases, directories, limit=self._limit, ascii_=self._ascii)
        if leases != self.table.leases:
            self._save(leases)
            self._watch.set(tables.lease(self.table, leases))

    def observe(self, *backends: Backend) -> None:
        """Take these backends in, or take note of how they are now."""
        self.lease(*(backend.identity.directory for backend in backends))
        self._watch.set(tables.observe(self.table, backends))

    def forget(self, *listeners: Listener) -> None:
        """Unroute the backends behind these listeners."""
        self._watch.set(tables.forget(self.table, listeners))
