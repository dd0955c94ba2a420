"""The fleet: what is known of every host now. Immutable; ``fleet.prober`` publishes new ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from opencoderouter.core.fleet.model import HostSpec, Live, Report, Resolved, Session

NEEDED = frozenset({"opencode", "sessions"})  # parts of a probe without which some are missing
_ASKING = (Live.PERMISSION, Live.QUESTION)


@dataclass(frozen=True, slots=True)
class Entry:
    """One host. ``report`` is the newest, ``good`` the newest that reached it.

    Once it is not reached any more, none of its sessions is said to be at work.

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

    @property
    def counted(self) -> bool:
        """Tell whether it is known which sessions there are, if not exactly now."""
        good = self.good
        return good is not None and (bool(good.sessions) or not _is_partial(good))

    def begun(self) -> Entry:
        """Return it while it is asked."""
        return replace(self, probing=True)

    def reported(self, report: Report, next_at: float) -> Entry:
        """Return it with a new report."""
        return replace(
            self,
            report=report,
            good=self._completed(report) if report.reached else self._unwatched(),
            probing=False,
            failures=0 if report.reached else self.failures + 1,
            next_at=next_at,
            cached=False,
        )

    def _unwatched(self) -> Report | None:
        """Return the last good report without what only was so then: who works; asks remain."""
        sessions = tuple(map(_unwatched, self.sessions))
        if self.good is None or sessions == self.sessions:
            return self.good
        return replace(self.good, sessions=sessions)

    def _completed(self, report: Report) -> Report:
        """Return a report with the sessions seen before where it could not read all of them."""
        if not _is_partial(report):
            return report
        seen = {session.id for session in report.sessions}
        before = tuple(session for session in self.sessions if session.id not in seen)
        return replace(report, sessions=(*report.sessions, *before)) if before else report


def _unwatched(session: Session) -> Session:
    if session.live is None or session.live in _ASKING:
        return session
    return replace(session, live=None, live_reason="")


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


def _is_partial(report: Report) -> bool:
    return any(failure.part in NEEDED for failure in report.failures)
