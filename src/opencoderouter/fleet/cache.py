"""What the fleet was when it was seen last: a file, so that the next start shows it at once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from opencoderouter import private
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import HostSpec, Report
from opencoderouter.fleet.rows import reader, shape, writer
from opencoderouter.watch import Watch

_log = logging.getLogger(__name__)


class CacheFile:
    """Reports by alias, as rows of JSON; this user's alone, without a secret.

    A file that cannot be used (damaged, of another version, open to others) is as good as none:
    that is logged. ``clock`` gives seconds since the epoch.
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path, self._clock = path, clock

    def load(self, hosts: Iterable[HostSpec], ttl: float) -> Fleet:
        """Return the fleet of these hosts, with what is known of them.

        Those that were asked less than ``ttl`` seconds ago are to be asked when it is over.
        """
        now, known = self._clock(), self._known()
        entries = {
            alias: _entry(entry.host, *known[alias], now, ttl) if alias in known else entry
            for alias, entry in Fleet().of(hosts).entries.items()
        }
        return Fleet(entries)

    def save(self, fleet: Fleet) -> None:
        """Write what is known now, in place of what was there."""
        # One host at a time: the encoder lets nothing else run, and there may be 2 MB of them.
        hosts = (
            f"{json.dumps(alias)}:{_text(entry.report, entry.good)}"
            for alias, entry in fleet.entries.items()
            if entry.report is not None
        )
        content = f'{{"shape":"{shape(Report)}","hosts":{{{",".join(hosts)}}}}}'
        try:
            with private.locked(self._path):
                private.replace(self._path, content.encode())
        except OSError as error:
            _log.warning("cache not written error=%s", error)

    def _known(self) -> dict[str, _Pair]:
        try:
            content = private.read_json(self._path)
            if content.get("shape") == shape(Report):
                return {alias: _pair(rows) for alias, rows in _hosts(content)}
            reason = "it is of another version"
        except FileNotFoundError:
            return {}
        except OSError as error:
            reason = str(error)
        except (ValueError, TypeError):
            reason = "it is damaged"
        _log.warning("cache not used path=%s reason=%s", self._path, reason)
        return {}


async def keep(fleet: Watch[Fleet], save: Callable[[Fleet], None]) -> None:
    """Service: save the fleet after each sweep, in a thread, until cancelled."""
    saved = fleet.value.entries
    async for now in fleet.follow():
        if not now.sweeping and now.entries is not saved:
            saved = now.entries
            await asyncio.to_thread(save, now)


_Pair = tuple[Report, Report | None]  # the newest, and the newest that reached it


def _text(report: Report, good: Report | None) -> str:
    write = writer(Report)
    older = [] if good is None or good is report else [write(good)]
    return json.dumps([write(report), *older], separators=(",", ":"))


def _hosts(content: dict[str, object]) -> Iterable[tuple[str, list[object]]]:
    hosts = content.get("hosts")
    if isinstance(hosts, dict):
        return hosts.items()
    raise TypeError


def _pair(rows: list[object]) -> _Pair:
    """Return the reports of a host. Raises ValueError or TypeError where these are none."""
    newest, *older = map(reader(Report), rows)
    return newest, newest if newest.reached else next(iter(older), None)


def _entry(host: HostSpec, report: Report, good: Report | None, now: float, ttl: float) -> Entry:
    is_fresh = 0 <= now - report.at < ttl
    return Entry(
        host,
        report=report,
        good=good,
        failures=int(not report.reached),
        next_at=report.at + ttl if is_fresh else None,
        cached=True,
    )
