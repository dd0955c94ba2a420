"""``ocr hosts --watch``: the states of the hosts as they change."""

from __future__ import annotations

import asyncio
import json

from opencoderouter.cli import remote_text
from opencoderouter.cli.remote_fleet import Work, put, say
from opencoderouter.core.fleet import document
from opencoderouter.core.fleet.fleet import Fleet
from opencoderouter.wiring.signals import stop_on_signals

_PACE = 0.2  # seconds


async def watching(work: Work, *, as_json: bool) -> int:
    """Print what changes, until a signal ends it, or nobody reads any more."""
    stop = stop_on_signals()
    async with asyncio.TaskGroup() as group:
        services = [
            group.create_task(work.opened.run(), name="ask"),
            group.create_task(work.opened.reread(work.file, _tell), name="reread"),
            group.create_task(_printing(work, stop, as_json=as_json), name="print"),
        ]
        await stop.wait()
        for service in services:
            service.cancel()
    return 0


def _tell(problems: tuple[str, ...]) -> None:
    for problem in problems:
        say(problem)


async def _printing(work: Work, stop: asyncio.Event, *, as_json: bool) -> None:
    """Print what is new, then wait a moment: a sweep changes many hosts at once."""
    lines = _Documents(work) if as_json else _Lines()
    async for fleet in work.opened.fleet.follow():
        if not all(put(line) for line in lines.of(fleet)):
            stop.set()
        await asyncio.sleep(_PACE)


class _Documents:
    """All hosts on one line, whenever one is not as it was.

    Figures alone (load, how long it took) make a line once in ``polling.interval`` at most.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._before: list[document.Object] | None = None
        self._printed = 0.0

    def of(self, fleet: Fleet) -> list[str]:
        """Return what is to be printed of a new fleet."""
        now, preferences = self._work.clock(), self._work.preferences
        rows = document.hosts(fleet, now, preferences.display)
        bare = [_bare(row) for row in rows]
        if bare == self._before and now - self._printed < preferences.polling.interval:
            return []
        self._before, self._printed = bare, now
        return [json.dumps({"at": now, "hosts": rows})]


class _Lines:
    """One host on one line, whenever it is not as it was."""

    def __init__(self) -> None:
        self._before: dict[str, str] = {}

    def of(self, fleet: Fleet) -> list[str]:
        """Return what is to be printed of a new fleet."""
        before, self._before = self._before, _changes(fleet)
        return [line for alias, line in self._before.items() if before.get(alias) != line]


def _bare(row: document.Object) -> document.Object:
    return {name: value for name, value in row.items() if name not in document.FIGURES}


def _changes(fleet: Fleet) -> dict[str, str]:
    return {
        alias: remote_text.change(entry)
        for alias, entry in fleet.entries.items()
        if entry.report is not None
    }
