"""What waits for a person, and what failed, over all hosts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import (
    Ask,
    HostRef,
    HostState,
    Live,
    Report,
    Session,
    SessionRef,
)
from opencoderouter.core.fleet.refs import session_ref

ABORTED = "MessageAbortedError"  # a person stopped it: no failure

_FOR_A_PERSON = (HostState.AUTH_REQUIRED, HostState.HOST_KEY_UNKNOWN, HostState.HOST_KEY_CHANGED)
_AT_WORK = (Live.BUSY, Live.RETRY)  # what failed last is being tried again


class Need(StrEnum):
    """Why something is on the list; the words are part of the JSON output."""

    PERMISSION = "permission"
    QUESTION = "question"
    HOST = "host"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to look at.

    ``since`` (epoch) is when it began, None where nobody knows. ``key`` stays the same as long as
    it is the same thing. ``stale``: the host has not been reached since.
    """

    need: Need
    target: HostRef | SessionRef
    host: str  # what the screen calls it
    title: str
    text: str
    since: float | None = None
    ask: Ask | None = None
    stale: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """Return what tells it from all others."""
        session = self.target.id if isinstance(self.target, SessionRef) else ""
        return self.need, self.target.alias, session, self.ask.id if self.ask else ""


def attention(fleet: Fleet) -> tuple[Item, ...]:
    """Return all of it: first what waits for a person, then what failed, each oldest first.

    What began nobody knows when counts as oldest.
    """
    items = (item for entry in fleet.entries.values() for item in _of(entry, fleet))
    return tuple(sorted(items, key=lambda item: (item.need is Need.FAILED, item.since or 0)))


def _of(entry: Entry, fleet: Fleet) -> Iterator[Item]:
    if entry.report is not None and _for_a_person(entry.report, fleet):
        yield _host(entry, entry.report)
    for session in entry.sessions:
        if session.archived is None:
            yield from _session(entry, session)


def _for_a_person(report: Report, fleet: Fleet) -> bool:
    """Tell whether a person has to let us in. A jump host of the fleet says so for itself."""
    if report.state is HostState.BLOCKED:
        return report.blocked_by not in fleet.entries
    return report.state in _FOR_A_PERSON


def _host(entry: Entry, report: Report) -> Item:
    since = entry.good.at if entry.good is not None else None
    words = report.state.replace("_", " ")
    return Item(
        Need.HOST, HostRef(entry.host.alias), entry.host.name, words, report.reason, since=since
    )


def _session(entry: Entry, session: Session) -> Iterator[Item]:
    ref = session_ref(entry.host.alias, session)
    title = session.title or session.id
    for ask in session.asks:
        need = Need.PERMISSION if ask.kind is Live.PERMISSION else Need.QUESTION
        since = session.updated if ask.since is None else ask.since
        yield Item(need, ref, entry.host.name, title, ask.text, since, ask, entry.stale)
    if failed(session) and not session.asks:
        text = session.error
        yield Item(
            Need.FAILED, ref, entry.host.name, title, text, session.updated, stale=entry.stale
        )


def failed(session: Session) -> bool:
    """Tell whether a session's last message failed, and nothing is done about it now."""
    return session.error not in ("", ABORTED) and session.live not in _AT_WORK
