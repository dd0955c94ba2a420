"""The fleet: what is known of every host now. Immutable; ``fleet.prober`` publishes new ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from opencoderouter.core.fleet.model import HostSpec, Report, Resolved, Session

_SESSIONS = frozenset({"opencode", "sessions"})  # parts of a probe without which some are missing


@dataclass(frozen=True, slots=True)
class Entry:
    """One host. ``report`` is the newest, ``good`` the newest that reached it.

    ``next_at`` (epoch) is when it is asked again, ``failures`` how often in a row it was not
    reached. ``cached``: ``report`` is of an earlier run of the program.
    """

    host: HostSpec
    resolved: Resolved | None = None
    report: Report | None = None
    good: Report | None = None
    probing: bool = False
    failures: int = 0
    next_at: float | None = None
    cached: bool = False

    @property
    def stale(self) -> bool:
        """Tell whether what is shown is older than what was asked last."""
        return self.good is not None and (self.good is not self.report or self.cached)

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Return the sessions that were seen last."""
        return self.good.sessions if self.good is not None else ()

    def begun(self) -> Entry:
        """Return it while it is asked."""
        return replace(self, probing=True)

    def reported(self, report: Report, next_at: float) -> Entry:
        """Return it with a new report."""
        return replace(
            self,
            report=report,
            good=self._completed(report) if report.reached else self.good,
            probing=False,
            failures=0 if report.reached else self.failures + 1,
            next_at=next_at,
            cached=False,
        )

    def _completed(self, report: Report) -> Report:
        """Return a report with the sessions seen before where it could not read all of them."""
        if not any(failure.part in _SESSIONS for failure in report.failures):
            return report
        seen = {session.id for session in report.sessions}
        before = tuple(session for session in self.sessions if session.id not in seen)
        return replace(report, sessions=(*report.sessions, *before)) if before else report


@dataclass(frozen=True, slots=True)
class Fleet:
    """All hosts by alias, in the order of the list. ``next_at`` (epoch): the next sweep.

    ``problems`` are what is wrong with the configuration of ssh as a whole.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    sweeping: bool = False
    next_at: float | None = None
    problems: tuple[str, ...] = ()

    def having(self, entry: Entry) -> Fleet:
        """Return the fleet with this entry instead of the one of its alias."""
        return replace(self, entries={**self.entries, entry.host.alias: entry})

    def of(self, hosts: Iterable[HostSpec]) -> Fleet:
        """Return the fleet of exactly ``hosts``, which keep what is known of them."""
        known = self.entries
        return replace(
            self,
            entries={
                host.alias: replace(known.get(host.alias, Entry(host)), host=host) for host in hosts
            },
        )
