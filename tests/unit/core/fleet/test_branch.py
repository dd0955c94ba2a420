"""The rows of one host."""

from __future__ import annotations

from dataclasses import replace

from opencoderouter.core.fleet.branch import Wanted, branch, in_trouble, title
from opencoderouter.core.fleet.fleet import Entry
from opencoderouter.core.fleet.found import texts
from opencoderouter.core.fleet.model import (
    Failure,
    HostSpec,
    HostState,
    ProjectRef,
    Report,
    Server,
    Session,
)
from opencoderouter.core.fleet.preferences import Display, SortBy
from opencoderouter.core.fleet.projects import Facts, facts
from opencoderouter.core.fleet.view import Filter, Fold

SESSIONS = (
    Session("s1", "Login", "/app", updated=2),
    Session("s2", "Other", "/app", updated=1),
)
WANTED = Wanted(
    words=(),
    above=0,
    filter=Filter.ALL,
    sort=SortBy.LAST_ACTIVITY,
    show_archived=False,
    max_display=50,
    fold=Fold(),
    depth=0,
)


def known(*, servers: tuple[Server, ...] = ()) -> Facts:
    """Return the facts of a host."""
    report = Report(HostState.ONLINE, 0, sessions=SESSIONS, servers=servers)
    return facts(Entry(HostSpec("a"), report=report, good=report), 0, Display())


def shown(found: Facts, *words: str, above: int = 0, fold: Fold | None = None) -> list[str]:
    """Return what a search shows, by the letters of what it is."""
    wanted = replace(WANTED, words=words, above=above, fold=fold or Fold())
    rows = branch(found, texts(found), wanted).rows
    return [row.known.ref.id if row.known else row.name for row in rows]


def test_found_above() -> None:
    """Where the group has all words, the host is shown as it is without a search."""
    assert shown(known(), "prod", above=0b1) == ["a", "app"]


def test_found_in_a_project_that_matches() -> None:
    """Matching sessions of a matching project are shown alone, unless a person has opened it."""
    assert shown(known(), "o") == ["a", "app", "s1", "s2"]
    assert shown(known(), "app") == ["a", "app"]
    both = known()
    assert shown(both, "app", "login") == ["a", "app", "s1"]
    opened = Fold(open=frozenset({"/app"}))
    assert shown(both, "app", fold=opened) == ["a", "app", "s1", "s2"]


def test_a_server_is_enough() -> None:
    """A directory that only has a server is shown; a search finds it by its path."""
    found = known(servers=(Server(1, directory="/tool"),))
    assert "tool" in shown(found)
    assert shown(found, "tool") == ["a", "tool"]
    assert "tool" not in shown(found, "login")


def test_leaves() -> None:
    """Only what has something below it opens and closes."""
    found = known(servers=(Server(1, directory="/tool"),))
    rows = branch(found, None, WANTED).rows
    states = {row.place: row.is_open for row in rows}
    assert states[ProjectRef("a", "/app")] is False
    assert states[ProjectRef("a", "/tool")] is None


def test_in_trouble() -> None:
    """A host is in trouble when it is not reached or a part of it could not be read."""
    reports = (
        None,
        Report(HostState.NO_OPENCODE, 0),
        Report(HostState.BLOCKED, 0),
        Report(HostState.ONLINE, 0, failures=(Failure("live", "refused"),)),
    )
    found = [in_trouble(Entry(HostSpec("a"), report=report)) for report in reports]
    assert found == [False, False, True, True]


def test_title() -> None:
    """A session without a title is called by its id."""
    first = known().projects[0].sessions[0]
    assert title(first) == "Login"
