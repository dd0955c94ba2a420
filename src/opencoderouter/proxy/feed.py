"""The table as a stream of events: one snapshot, then what changed, numbered and kept for a while.

Nothing runs in the background: whoever asks brings the feed up to date first. Changes that nobody
was there to see are one change, and a client that is slow to read skips to a snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from opencoderouter.core.managed import Managed, Supervisor
from opencoderouter.core.ring import Ring
from opencoderouter.core.table import Table
from opencoderouter.proxy.view import Row, rows
from opencoderouter.registry import Registry

KEPT = 256  # changes; a page that was away for longer gets a snapshot, which is not dear
Rows = Mapping[str, Row]


@dataclass(frozen=True, slots=True)
class Change:
    """What became different between one version and the next."""

    changed: tuple[Row, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All rows there are."""

    rows: tuple[Row, ...]


Event = tuple[str, Snapshot | Change]  # with its id: ``{boot}-{version}``


def difference(before: Rows, after: Rows) -> Change | None:
    """Return what leads from ``before`` to ``after``, None when they look the same."""
    changed = tuple(row for slug, row in after.items() if before.get(slug) != row)
    removed = tuple(slug for slug in before if slug not in after)
    return Change(changed, removed) if changed or removed else None


class Feed:
    """The rows of now, and the last changes that led to them.

    Versions count from 0, which is how things were when the feed was made. ``boot`` tells this run
    of the router from others: ids of another run are never taken for ours.
    """

    def __init__(
        self, registry: Registry, supervisor: Supervisor, boot: str, *, kept: int = KEPT
    ) -> None:
        self._registry, self._supervisor, self._boot = registry, supervisor, boot
        self._ring: Ring[Change] = Ring(kept)
        self._seen: tuple[Table, Mapping[str, Managed]] | None = None
        self._rows: Rows = {}
        self._rows = self._newest()

    def rows(self) -> Rows:
        """Return the rows of now by slug, in the order of the alphabet."""
        after = self._newest()
        if change := difference(self._rows, after):
            self._ring.push(change)
        self._rows = after
        return after

    def after(self, last: str | None) -> list[Event]:
        """Return what a client that has event ``last`` still needs to have the rows of now.

        One event a version; a single snapshot where that cannot be told, or where ``last`` is None.
        """
        everything = Snapshot(tuple(self.rows().values()))
        missed = self._ring.after(self._number(last))
        if missed is None:
            return [(self._id(self._ring.last), everything)]
        return [(self._id(number), change) for number, change in missed]

    async def ring(self, bell: asyncio.Event) -> None:
        """Set ``bell`` whenever there may be something new, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_ring(bell, self._registry.follow()), name="feed: registry")
            group.create_task(_ring(bell, self._supervisor.follow()), name="feed: launcher")

    def _newest(self) -> Rows:
        """Make the rows again only when there is something else to make them of."""
        seen = (self._registry.table, self._supervisor.managed)
        if self._seen is not None and seen[0] is self._seen[0] and seen[1] == self._seen[1]:
            return self._rows
        self._seen = (seen[0], dict(seen[1]))
        return rows(*seen)

    def _id(self, version: int) -> str:
        return f"{self._boot}-{version}"

    def _number(self, last: str | None) -> int:
        boot, _, number = (last or "").rpartition("-")
        try:
            return int(number) if boot == self._boot else -1
        except ValueError:
            return -1


async def _ring(bell: asyncio.Event, changes: AsyncIterator[object]) -> None:
    async for _ in changes:
        bell.set()
