"""Asks the hosts of a fleet again and again, and keeps what they last said."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from opencoderouter.core.fleet import pace
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import HostSpec, HostState, Report, Resolved
from opencoderouter.core.fleet.preferences import Polling
from opencoderouter.watch import Watch

_log = logging.getLogger(__name__)
# Who asks keeps to the time limit and can say what took so long; this is for when it does not.
_MARGIN = 1.0
# The longest wait between two looks at the clock: timers stand still while a machine sleeps.
_LOOK = 10.0

Ask = Callable[[HostSpec], Awaitable[Report]]


class Prober:
    """``fleet`` has the newest report of each host, as they come in; ``ask`` makes one.

    A sweep asks all hosts that are due, at most ``max_parallel`` at once, those that were not
    reached before last. No host is asked twice at once. ``clock`` gives seconds since the epoch,
    ``draw`` a number from 0 to 1. ``fleet``'s entries are shown until their hosts have answered.
    """

    def __init__(
        self,
        ask: Ask,
        polling: Polling,
        *,
        fleet: Fleet,
        clock: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self._ask, self._polling = ask, polling
        self._clock, self._draw = clock, draw
        self.fleet = Watch(fleet)
        self._waiting: dict[str, None] = {}  # in order
        self._running: set[str] = set()
        self._again: set[str] = set()  # of those running
        self._luck = 0.0  # of the sweep
        self._era = 0  # of the hosts: an alias of another one is another host
        self._news = asyncio.Event()

    def refresh(self, aliases: Collection[str] | None = None) -> None:
        """Ask these hosts (None: all) now, before others.

        One that is being asked is asked once more afterwards: what it says may be older than the
        reason to ask.
        """
        entries = self.fleet.value.entries
        wanted = [one for one in (entries if aliases is None else aliases) if one in entries]
        self._again.update(self._running.intersection(wanted))
        first = self._patient(one for one in wanted if one not in self._running)
        self._waiting = dict.fromkeys([*first, *self._waiting])
        self._news.set()

    def set_hosts(self, hosts: Iterable[HostSpec], problems: tuple[str, ...] = ()) -> None:
        """Have exactly these hosts from now on; those that are new or have changed are asked."""
        before = self.fleet.value.entries
        self.fleet.set(replace(self.fleet.value.of(hosts), problems=problems))
        now = self.fleet.value.entries
        self._waiting = {alias: None for alias in self._waiting if alias in now}
        self.refresh([alias for alias in now if _differs(before.get(alias), now[alias])])

    def restart(self, fleet: Fleet) -> None:
        """Have this fleet, and ask all of it: what was known and what is being asked is void."""
        self._era += 1
        self.fleet.set(replace(fleet, sweeping=self.fleet.value.sweeping))
        self._waiting = {}
        self.refresh()

    def set_polling(self, polling: Polling) -> None:
        """Ask like this from now on."""
        self._polling = polling
        self._news.set()

    def set_resolved(self, resolved: Mapping[str, Resolved]) -> None:
        """Show what ssh makes of these aliases; those that mean something else now are asked."""
        before = self.fleet.value.entries
        now = {
            alias: replace(entry, resolved=resolved.get(alias, entry.resolved))
            for alias, entry in before.items()
        }
        self.fleet.set(replace(self.fleet.value, entries=now))
        self.refresh([one for one in now if before[one].resolved not in (None, now[one].resolved)])

    async def run(self) -> None:
        """Service: ask whoever is due, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                if not self._is_sweeping():
                    due = pace.due(self._times(), self._clock(), self._polling)
                    self._waiting = dict.fromkeys(self._patient(due))
                self._begin(group)
                await self._wait()

    async def once(self) -> Fleet:
        """Ask every host once, fresh or not; not while ``run`` does."""
        self.refresh()
        async with asyncio.TaskGroup() as group:
            while self._is_sweeping():
                self._begin(group)
                await self._wait()
            self._begin(group)
        return self.fleet.value

    def _begin(self, group: asyncio.TaskGroup) -> None:
        """Ask as many of those that wait as may be asked at once; publish how things stand."""
        fleet = self.fleet.value
        if self._waiting and not fleet.sweeping:
            self._luck = self._draw()
        while self._waiting and len(self._running) < self._polling.max_parallel:
            alias = next(iter(self._waiting))
            del self._waiting[alias]
            entry = fleet.entries[alias]
            self._running.add(alias)
            group.create_task(self._question(entry.host), name=f"ask {alias}")
            fleet = fleet.having(entry.begun())
        self._publish(fleet)

    def _publish(self, fleet: Fleet) -> None:
        sweeping = self._is_sweeping()
        at = None if sweeping else pace.next_sweep(self._times().values(), self._clock())
        if (fleet.sweeping, fleet.next_at) != (sweeping, at):
            fleet = replace(fleet, sweeping=sweeping, next_at=at)
        self.fleet.set(fleet)

    async def _wait(self) -> None:
        """Wait for news, or for the next sweep."""
        at = self.fleet.value.next_at
        patience = None if at is None else min(max(at - self._clock(), 0.0), _LOOK)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._news.wait()
        self._news.clear()

    async def _question(self, host: HostSpec) -> None:
        """Ask a host, and take what it says."""
        asked, era = self._clock(), self._era
        report = await self._report(host)
        self._running.discard(host.alias)
        if era == self._era:
            self._take(host.alias, asked, report)
        else:
            self._again.discard(host.alias)
            self.refresh([host.alias])
        self._news.set()

    async def _report(self, host: HostSpec) -> Report:
        began, limit = self._clock(), self._polling.timeout
        try:
            async with asyncio.timeout(limit + _MARGIN):
                return await self._ask(host)
        except TimeoutError:
            reason = f"no answer within {limit:g} s"
        except Exception as error:  # noqa: BLE001 - one host's; the others are asked nevertheless
            _log.exception("not asked host=%s", host.alias)
            reason = f"ocr failed: {type(error).__name__} (its log has more)"
        now = self._clock()
        return Report(HostState.ERROR, now, now - began, reason)

    def _take(self, alias: str, asked: float, report: Report) -> None:
        entry = self.fleet.value.entries.get(alias)
        if entry is None:  # it is no host of ours any more
            self._again.discard(alias)
            return
        failures = 0 if report.reached else entry.failures + 1
        at = pace.next_at(asked, report.state, failures, self._polling, self._luck)
        now = entry.reported(report, at)
        self.fleet.set(self.fleet.value.having(now))
        self.refresh([*self._again.intersection([alias]), *self._freed(entry, now)])
        self._again.discard(alias)

    def _freed(self, before: Entry, now: Entry) -> list[str]:
        """Return the hosts that were blocked by a jump host which is reached again."""
        if not before.failures or now.failures:
            return []
        others = self.fleet.value.entries.items()
        jump = now.host.alias
        return [alias for alias, one in others if one.report and one.report.blocked_by == jump]

    def _is_sweeping(self) -> bool:
        return bool(self._waiting or self._running)

    def _times(self) -> dict[str, float | None]:
        return {alias: entry.next_at for alias, entry in self.fleet.value.entries.items()}

    def _patient(self, aliases: Iterable[str]) -> list[str]:
        """Return the hosts in order, those last that may use up all of their time."""
        entries = self.fleet.value.entries
        return sorted(aliases, key=lambda alias: entries[alias].failures > 0)


def _differs(before: Entry | None, now: Entry) -> bool:
    """Tell whether what was said before may not be what is said now."""
    if before is None:
        return True
    was, is_ = before.host, now.host
    return (was.opencode_path, was.scan_paths) != (is_.opencode_path, is_.scan_paths)
