"""The fleet as JSON: hosts, sessions and what waits, as ``ocr … --json`` prints them.

The fields are described in docs/fleet.md; there may be more of them, never fewer. Secrets have no
place here: an endpoint's credentials are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from opencoderouter.core.fleet.attention import Item
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import Ask, HostState, Report, Session, SessionRef
from opencoderouter.core.fleet.preferences import Display
from opencoderouter.core.fleet.refs import directory_of
from opencoderouter.core.fleet.status import Status, status_of

Object = dict[str, object]
FIGURES = ("at", "took", "load")  # of a host; what changes although nothing has happened
_SAME = (  # fields of a report that are printed as they are
    *("reason", "how", "mend", "blocked_by", "took", "via", "via_reason"),
    *("system", "program", "version"),
)


def hosts(fleet: Fleet, now: float, display: Display) -> list[Object]:
    """Return every host, in the order of the list."""
    return [host(entry, now, display) for entry in fleet.entries.values()]


def host(entry: Entry, now: float, display: Display) -> Object:
    """Return one host. ``state`` is None as long as it was never asked.

    What a host was last seen with stays, marked ``stale``, when it is not reached any more.
    """
    resolved, good = entry.resolved, entry.good or _NOTHING
    report = entry.report or _NOTHING
    return {
        "alias": entry.host.alias,
        "label": entry.host.name,
        "group": entry.host.group,
        "local": entry.host.local,
        "state": report.state if entry.report else None,
        "at": report.at if entry.report else None,
        **{name: getattr(report, name) for name in _SAME[:7]},
        **{name: getattr(good, name) for name in _SAME[7:]},
        "hostname": resolved.hostname if resolved else None,
        "user": resolved.user if resolved else None,
        "port": resolved.port if resolved else None,
        "router": asdict(good.router) if good.router else None,
        "servers": [asdict(server) for server in good.servers],
        "sessions": _counts(entry.sessions, now, display) if entry.counted else None,
        "load": asdict(good.load) if good.load else None,
        "failures": [asdict(failure) for failure in report.failures],
        "stale": entry.stale,
    }


def session(alias: str, one: Session, status: Status, *, stale: bool) -> Object:
    """Return one session of a host."""
    plain = {name: getattr(one, name) for name in _SESSION}
    return {
        "host": alias,
        "project": directory_of(one),
        "status": status,
        **plain,
        "asks": [_ask(ask) for ask in one.asks],
        "stale": stale,
    }


def item(one: Item) -> Object:
    """Return one thing that waits for a person, or failed."""
    target = one.target
    is_session = isinstance(target, SessionRef)
    return {
        "need": one.need,
        "host": target.alias,
        "session": target.id if isinstance(target, SessionRef) else None,
        "directory": target.directory if isinstance(target, SessionRef) else None,
        "title": one.title if is_session else "",
        "text": one.text,
        "since": one.since,
        "ask": _ask(one.ask) if one.ask else None,
        "stale": one.stale,
    }


def sessions(fleet: Fleet, now: float, display: Display) -> Iterator[tuple[Entry, Session, Status]]:
    """Yield every session with its host and what it does."""
    for entry in fleet.entries.values():
        for one in entry.sessions:
            yield entry, one, status_of(one, now, display)


_SESSION = (
    *("id", "title", "directory", "agent", "model", "cost", "tokens_in", "tokens_out"),
    *("messages", "created", "updated", "archived", "error", "live", "live_reason"),
)
_NOTHING = Report(HostState.ERROR, 0.0)  # for one that was never asked


def _counts(found: tuple[Session, ...], now: float, display: Display) -> Object:
    """Return how many sessions do what, archived ones by themselves."""
    states = [status_of(one, now, display) for one in found]
    archived = states.count(Status.ARCHIVED)
    counts: Object = {"total": len(states) - archived}
    return counts | {status.value: states.count(status) for status in Status}


def _ask(ask: Ask) -> Object:
    return {
        "kind": ask.kind,
        "id": ask.id,
        "text": ask.text,
        "since": ask.since,
        "always": ask.always,
        "questions": [
            {
                "text": question.text,
                "header": question.header,
                "multiple": question.multiple,
                "options": [
                    {"label": label, "description": about} for label, about in question.options
                ],
            }
            for question in ask.questions
        ],
    }
