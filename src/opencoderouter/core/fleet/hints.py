"""Which keys do something for a row: what the footer says, the most useful first."""

from __future__ import annotations

from opencoderouter.core.fleet.branch import Row
from opencoderouter.core.fleet.fleet import Entry
from opencoderouter.core.fleet.model import HostState
from opencoderouter.core.fleet.status import Status
from opencoderouter.core.fleet.view import View

Hint = tuple[str, str]  # action, in a word or two

_WANTS_LOGIN = (
    HostState.AUTH_REQUIRED,
    HostState.BLOCKED,
    HostState.HOST_KEY_UNKNOWN,
    HostState.HOST_KEY_CHANGED,
)
_ALWAYS: tuple[Hint, ...] = (
    ("search", "search"),
    ("refresh", "refresh"),
    ("attention", "attention"),
    ("help", "help"),
    ("quit", "quit"),
)
_LATER: tuple[Hint, ...] = (
    ("next_waiting", "next waiting"),
    ("filter", "filter"),
    ("sort", "sort"),
    ("cycle_view", "panel"),
)
SEARCHING: tuple[Hint, ...] = (("escape", "clear"), ("down", "to the tree"))


def hints(row: Row | None, view: View) -> tuple[Hint, ...]:
    """Return actions for a row, then those that are for all."""
    marks = _marks(view)
    own = tuple(hint for hint in _of(row) if not marks or hint[0] != marks[0][0])
    return (*marks, *own, *_ALWAYS, *_LATER)


def _marks(view: View) -> tuple[Hint, ...]:
    return (("kill_session", f"archive {len(view.marked)}"),) if view.marked else ()


def _of(row: Row | None) -> tuple[Hint, ...]:
    if row is None:
        return ()
    if row.known is not None:
        return _session(row.known.status)
    if row.hidden:
        return (("attach", "show"),)
    fold: tuple[Hint, ...] = ()
    if row.is_open is not None:
        fold = (("attach", "close" if row.is_open else "open"),)
    if row.entry is None:
        return fold
    return (*fold, *(_host(row.entry) if row.project is None else _project(row)))


def _session(status: Status) -> tuple[Hint, ...]:
    first = (("reply", "answer"),) if status is Status.WAITING else ()
    last = () if status is Status.ARCHIVED else (("mark", "mark"),)
    return (
        ("attach", "attach"),
        *first,
        ("new_session", "new"),
        ("kill_session", "stop" if status is Status.THINKING else "archive"),
        ("browser", "browser"),
        ("copy_id", "copy id"),
        *last,
    )


def _project(row: Row) -> tuple[Hint, ...]:
    served = row.project is not None and bool(row.project.servers)
    server = ("reload_sessions", "restart") if served else ("start_server", "serve")
    return (("new_session", "new"), server, ("git_clone", "clone"))


def _host(entry: Entry) -> tuple[Hint, ...]:
    state = entry.report.state if entry.report is not None else None
    if state in _WANTS_LOGIN:
        return (("authenticate", "log in"),)
    return (("new_session", "new"), ("git_clone", "clone")) if state is HostState.ONLINE else ()
