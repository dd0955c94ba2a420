"""What the footer says."""

from __future__ import annotations

import pytest

from opencoderouter.core.fleet.branch import Row
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.hints import SEARCHING, hints
from opencoderouter.core.fleet.keys import ACTIONS
from opencoderouter.core.fleet.model import (
    HostSpec,
    HostState,
    Live,
    ProjectRef,
    Report,
    Server,
    Session,
    SessionRef,
)
from opencoderouter.core.fleet.preferences import Display
from opencoderouter.core.fleet.rows import Rows
from opencoderouter.core.fleet.view import View
from opencoderouter.tui.keymap import FIXED


def rows(report: Report, group: str = "") -> tuple[Row, ...]:
    """Return the rows of a host with one project, which is open."""
    entry = Entry(
        HostSpec("a", group=group), report=report, good=report if report.reached else None
    )
    view = View(max_display=1).opened(ProjectRef("a", "/p"))
    return Rows().of(Fleet({"a": entry}), view, 0, Display()).rows


def first(row: Row | None, view: View | None = None) -> list[str]:
    """Return the actions that are for this row alone."""
    found = [action for action, _ in hints(row, view or View())]
    return found[: found.index("search")]


def session(live: Live | None) -> Row:
    """Return the row of a session."""
    return rows(Report(HostState.ONLINE, 0, sessions=(Session("s", "", "/p", live=live),)))[2]


def test_session() -> None:
    """One that waits can be answered; one that thinks can be stopped."""
    assert first(session(Live.QUESTION))[:2] == ["attach", "reply"]
    assert dict(hints(session(Live.BUSY), View()))["kill_session"] == "stop"
    assert dict(hints(session(None), View()))["kill_session"] == "archive"


def test_project() -> None:
    """A project with a server can be restarted, one without can get one."""
    one = Session("s", "", "/p")
    served = Report(HostState.ONLINE, 0, sessions=(one,), servers=(Server(1, directory="/p"),))
    assert "reload_sessions" in first(rows(served)[1])
    assert "start_server" in first(rows(Report(HostState.ONLINE, 0, sessions=(one,)))[1])


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (HostState.AUTH_REQUIRED, ["authenticate"]),
        (HostState.ONLINE, ["new_session", "git_clone"]),
        (HostState.UNREACHABLE, []),
    ],
)
def test_host(state: HostState, expected: list[str]) -> None:
    """A host that wants a person says so; one that is away can be asked nothing."""
    assert first(rows(Report(state, 0))[0]) == expected


def test_group_and_rest() -> None:
    """A group only folds; the row of the rest shows it; no row has nothing of its own."""
    assert first(rows(Report(HostState.ONLINE, 0), "g")[0]) == ["attach"]
    two = tuple(Session(str(at), "", "/p") for at in range(2))
    assert first(rows(Report(HostState.ONLINE, 0, sessions=two))[-1]) == ["attach"]
    assert first(None) == []


def test_marks() -> None:
    """While sessions are marked, archiving them comes first."""
    view = View(marked=frozenset({SessionRef("a", "s", "/p")}))
    assert first(None, view) == ["kill_session"]


def test_all_are_actions() -> None:
    """Everything that the footer offers is an action of help, or a key that is fixed."""
    row = session(Live.QUESTION)
    offered = {action for action, _ in (*hints(row, View()), *SEARCHING)}
    assert offered <= {*ACTIONS, *FIXED.values()}
