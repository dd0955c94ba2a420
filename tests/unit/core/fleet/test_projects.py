"""The sessions of a host by project."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.fleet.fleet import Entry
from opencoderouter.core.fleet.model import (
    HostSpec,
    HostState,
    Live,
    ProjectRef,
    Report,
    Server,
    Session,
)
from opencoderouter.core.fleet.preferences import Display
from opencoderouter.core.fleet.projects import (
    LONGEST,
    Facts,
    Tally,
    clean,
    facts,
    project_names,
    sum_of,
    waiting_of,
)

NOW = 1_000_000.0


def known(*sessions: Session, servers: tuple[Server, ...] = ()) -> Facts:
    """Return the facts of a host with these sessions."""
    report = Report(HostState.ONLINE, NOW, sessions=sessions, servers=servers)
    return facts(Entry(HostSpec("a"), report=report, good=report), NOW, Display())


def test_projects() -> None:
    """Projects with the newest sessions come first, and so do the newest sessions in them."""
    found = known(
        Session("1", directory="/old", updated=10),
        Session("2", directory="/new", updated=20),
        Session("3", directory="/old/sub", project="/old", updated=15),
        Session("4", directory="/never"),
    )
    listed = [(one.name, [each.ref.id for each in one.sessions]) for one in found.projects]
    assert listed == [("new", ["2"]), ("old", ["3", "1"]), ("never", ["4"])]
    assert [one.updated for one in found.projects] == [20, 15, 0]


def test_servers() -> None:
    """A server is with its project, also in a folder of it; one without sessions makes its own."""
    session = Session("1", directory="/p/sub", project="/p")
    servers = tuple(Server(port, directory=path) for port, path in enumerate(("/p/sub", "/q", "")))
    ports = {
        one.ref.directory: [each.port for each in one.servers]
        for one in known(session, servers=servers).projects
    }
    assert ports == {"/p": [0], "/q": [1]}


def test_tally() -> None:
    """What is archived is not counted; the host has what its projects have."""
    found = known(
        Session("1", directory="/p", live=Live.BUSY),
        Session("2", directory="/p", live=Live.PERMISSION),
        Session("3", directory="/q", error="APIError", updated=NOW),
        Session("4", directory="/q", archived=NOW),
    )
    assert found.tally == Tally(1, 1, sessions=3, thinking=1, waiting=1, errored=1)
    assert sum_of(one.tally for one in found.projects).sessions == 3


def test_unreached() -> None:
    """A host that is away keeps the sessions of before, and does not count as on."""
    good = Report(HostState.ONLINE, NOW, sessions=(Session("1", directory="/p"),))
    gone = Report(HostState.UNREACHABLE, NOW)
    found = facts(Entry(HostSpec("a"), report=gone, good=good), NOW, Display())
    assert (found.tally.on, found.tally.sessions) == (0, 1)
    assert found.projects[0].ref == ProjectRef("a", "/p")


def test_names() -> None:
    """A project is called by its folder, with as many before it as tell it from others."""
    names = project_names({"/a/app", "/b/app", "/b/lib", "/", "", "relative"})
    assert names == {
        "/a/app": "a/app",
        "/b/app": "b/app",
        "/b/lib": "lib",
        "/": "/",
        "": "(no directory)",
        "relative": "relative",
    }


@given(st.sets(st.text("ab/", max_size=8), max_size=6))
def test_names_end(directories: set[str]) -> None:
    """Whatever directories are called, each gets a name."""
    assert project_names(directories).keys() == directories


def test_clean() -> None:
    """A text of a host is one line of what can be seen, of bounded length."""
    assert clean("a\x1b[2Jb\n") == "a\\x1b[2Jb\\n"
    assert len(clean("x" * 10_000)) == LONGEST


def test_waiting_of() -> None:
    """What waits for a person is listed in the order of the tree."""
    found = known(
        Session("1", directory="/p", live=Live.QUESTION, updated=1),
        Session("2", directory="/q", live=Live.IDLE, updated=3),
        Session("3", directory="/q", live=Live.PERMISSION, updated=2),
    )
    assert [one.ref.id for one in waiting_of(found)] == ["3", "1"]
