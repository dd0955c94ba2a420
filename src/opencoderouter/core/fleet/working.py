"""What sessions do right now, as OpenCode's servers say. Pure; nothing here raises.

The answers are those of ``GET /session/status``, ``/permission`` and ``/question``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from opencoderouter.core.fleet import values
from opencoderouter.core.fleet.model import Ask, Endpoint, Live, Question, Session

_RANK = (Live.IDLE, Live.RETRY, Live.BUSY, Live.QUESTION, Live.PERMISSION)
_ASK_ID = re.compile(r"(?:per|que)_([0-9a-f]{12})[A-Za-z0-9]{1,50}")
_LAP = 1 << 36  # milliseconds (795 days) after which the time in an id begins again
_AHEAD = 3_600_000  # so far may the host's clock be ahead of ours
_LONGEST = 20_000  # characters of what is to be allowed
_MANY = 100  # of asks, questions and options that are worth reading


@dataclass(frozen=True, slots=True)
class Doing:
    """What one session does; ``reason`` says what a retry waits for."""

    live: Live
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What one server said of one directory; sessions that do nothing are in neither."""

    doing: Mapping[str, Doing]
    asks: tuple[Ask, ...] = ()

    @property
    def sessions(self) -> frozenset[str]:
        """Return all sessions that it names."""
        return frozenset(self.doing) | {ask.session for ask in self.asks}


def read_look(
    status: object, permissions: object, questions: object, endpoint: Endpoint, now: float
) -> Look:
    """Return what three answers say. ``now`` is in seconds since the epoch."""
    asks = (*_permissions(permissions, endpoint, now), *_questions(questions, endpoint, now))
    said = ((values.session_id(key), _doing(one)) for key, one in values.mapping(status).items())
    return Look({key: one for key, one in said if key and one is not None}, asks)


def read_session(said: object) -> tuple[Session, str] | None:
    """Return a session as ``GET /session/{id}`` tells of it, and the id of its parent or ""."""
    get = values.mapping(said).get
    found, place = values.session_id(get("id")), values.directory(get("directory"))
    if not found or not place:
        return None
    time, model = values.mapping(get("time")), values.mapping(get("model"))
    session = Session(
        found,
        title=values.text(get("title")),
        directory=place,
        agent=values.text(get("agent")),
        model=values.text(model.get("id")),
        cost=values.number(get("cost")),
        created=values.moment(time.get("created")),
        updated=values.moment(time.get("updated")),
        archived=values.moment(time.get("archived")),
    )
    return session, values.session_id(get("parentID"))


def settled(
    sessions: Iterable[Session],
    looks: Collection[Look],
    roots: Mapping[str, str],
    covered: Collection[str],
) -> tuple[Session, ...]:
    """Return the sessions with what they do, and what they ask for.

    ``covered`` are directories all of whose servers have answered: who does nothing there is
    idle. What a subagent does and asks for is its root's.
    """
    doing, asks = dict[str, Doing](), dict[str, list[Ask]]()
    for look in looks:
        for key, one in look.doing.items():
            root = roots.get(key, key)
            doing[root] = max(doing.get(root, one), one, key=lambda x: _RANK.index(x.live))
        for ask in look.asks:
            asks.setdefault(roots.get(ask.session, ask.session), []).append(ask)
    return tuple(
        _settle(session, doing.get(session.id), asks.get(session.id, ()), covered)
        for session in sessions
    )


def _settle(
    session: Session, doing: Doing | None, asks: Iterable[Ask], covered: Collection[str]
) -> Session:
    waiting = tuple(sorted(asks, key=lambda ask: (ask.since or 0, ask.id)))
    if waiting:
        live = max((ask.kind for ask in waiting), key=_RANK.index)
        return replace(session, live=live, asks=waiting)
    if doing is not None:
        return replace(session, live=doing.live, live_reason=doing.reason)
    return replace(session, live=Live.IDLE) if session.directory in covered else session


def _doing(said: object) -> Doing | None:
    get = values.mapping(said).get
    if get("type") == "busy":
        return Doing(Live.BUSY)
    return Doing(Live.RETRY, values.text(get("message"))) if get("type") == "retry" else None


def _permissions(said: object, endpoint: Endpoint, now: float) -> Iterator[Ask]:
    for row in values.rows(said)[:_MANY]:
        ask = _ask(Live.PERMISSION, row, endpoint, now)
        if ask is not None:
            yield replace(ask, text=_permission(row), always=_always(row))


def _permission(row: Mapping[str, object]) -> str:
    """Return what is to be allowed: ``bash: rm -rf build``."""
    command = values.mapping(row.get("metadata")).get("command")
    what = (
        command if isinstance(command, str) and command else ", ".join(_patterns(row, "patterns"))
    )
    kind = values.text(row.get("permission")) or "permission"
    return ": ".join(filter(None, (kind, _seen(what))))


def _always(row: Mapping[str, object]) -> tuple[str, ...]:
    """Return what "always" allows."""
    patterns = _patterns(row, "always")
    left = len(patterns) - _MANY
    more = (f"[{left} patterns more than are shown]",) if left > 0 else ()
    return (*more, *map(_seen, patterns[:_MANY]))


def _patterns(row: Mapping[str, object], name: str) -> list[str]:
    listed = row.get(name)
    texts = listed if isinstance(listed, list) else []
    return [one for one in texts if isinstance(one, str) and one]


def _seen(what: str) -> str:
    """Return a text; what there is no room for is told of first: it would be allowed unseen."""
    left = len(what) - _LONGEST
    more = f"[{left} characters more than are shown] " if left > 0 else ""
    return f"{more}{values.text(what, _LONGEST)}"


def _questions(said: object, endpoint: Endpoint, now: float) -> Iterator[Ask]:
    for row in values.rows(said)[:_MANY]:
        ask = _ask(Live.QUESTION, row, endpoint, now)
        questions = tuple(_question(one) for one in values.rows(row.get("questions"))[:_MANY])
        if ask is not None and questions:
            yield replace(ask, text=questions[0].text, questions=questions)


def _question(row: Mapping[str, object]) -> Question:
    options = values.rows(row.get("options"))[:_MANY]
    pairs = ((values.text(x.get("label")), values.text(x.get("description"))) for x in options)
    return Question(
        values.text(row.get("question")),
        values.text(row.get("header")),
        tuple(pair for pair in pairs if pair[0]),
        row.get("multiple") is True,
    )


def _ask(kind: Live, row: Mapping[str, object], endpoint: Endpoint, now: float) -> Ask | None:
    name, session = row.get("id"), values.session_id(row.get("sessionID"))
    found = _ASK_ID.fullmatch(name) if isinstance(name, str) else None
    if found is None or not session:
        return None
    return Ask(kind, found[0], session, "", since=_since(found[1], now), endpoint=endpoint)


def _since(digits: str, now: float) -> float:
    """Return when an id was made: its lowest 36 bits of milliseconds are in it, then a counter."""
    moment, today = int(digits, 16) >> 12, int(now * 1000)
    ago = (today + _AHEAD - moment) % _LAP - _AHEAD
    return (today - max(ago, 0)) / 1000
