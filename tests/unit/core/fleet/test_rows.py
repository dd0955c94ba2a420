"""The tree as rows."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.rig.roster import NOW, made_up

from opencoderouter.core.fleet.branch import Row
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import (
    HostRef,
    HostSpec,
    HostState,
    Live,
    ProjectRef,
    Report,
    Session,
    SessionRef,
)
from opencoderouter.core.fleet.preferences import Display, Hosts, Override, SortBy
from opencoderouter.core.fleet.refs import GroupRef, Place
from opencoderouter.core.fleet.rows import Rows, Sheet, grouped, nearest, revealing, waiting
from opencoderouter.core.fleet.select import select
from opencoderouter.core.fleet.view import Filter, View

DISPLAY = Display()
FLEET = made_up(12, 60)


def host(alias: str, *sessions: Session, group: str = "", label: str = "") -> Entry:
    """Return a host that was reached."""
    report = Report(HostState.ONLINE, NOW, sessions=sessions)
    return Entry(HostSpec(alias, group=group, label=label), report=report, good=report)


def fleet(*entries: Entry) -> Fleet:
    """Return a fleet."""
    return Fleet({entry.host.alias: entry for entry in entries})


def sheet(fleet: Fleet, view: View | None = None) -> Sheet:
    """Return what a view shows."""
    return Rows().of(fleet, view or View(), NOW, DISPLAY)


def names(found: Sheet) -> list[str]:
    """Return rows by what they are called, indented."""
    return ["  " * row.depth + _name(row) for row in found.rows]


def _name(row: Row) -> str:
    return row.known.session.id if row.known is not None else row.name


TWO = fleet(
    host("web", Session("s1", "Fix login", "/srv/app", updated=NOW), group="prod"),
    host("gpu", Session("s2", "Train", "/srv/model", updated=NOW), group="prod"),
    host("home", Session("s3", "Notes on login", "/home/me", updated=NOW)),
)


def test_an_empty_view() -> None:
    """Groups and hosts are open, projects are not; a host without a group is no group's."""
    assert names(sheet(TWO)) == ["prod", "  web", "    app", "  gpu", "    model", "home", "  me"]


@given(st.permutations([*FLEET.entries]))
def test_every_host_has_its_row(order: list[str]) -> None:
    """Whatever the order of the list, an empty view names each host exactly once."""
    shuffled = Fleet({alias: FLEET.entries[alias] for alias in order})
    hosts = [row.place.alias for row in sheet(shuffled).rows if isinstance(row.place, HostRef)]
    assert sorted(hosts) == sorted(order)


def test_folding() -> None:
    """What is closed hides what is below; an open project shows its sessions."""
    view = View().closed(HostRef("gpu")).opened(ProjectRef("web", "/srv/app"))
    found = sheet(TWO, view.closed(GroupRef("none")))
    assert names(found) == ["prod", "  web", "    app", "      s1", "  gpu", "home", "  me"]
    assert names(sheet(TWO, View().closed(GroupRef("prod")))) == ["prod", "home", "  me"]


def test_search() -> None:
    """What is found is shown with what it is part of, open or not; hosts without it are not."""
    found = sheet(TWO, View(query="login").closed(GroupRef("prod")).closed(HostRef("web")))
    assert names(found) == ["prod", "  web", "    app", "      s1", "home", "  me", "    s3"]


def test_search_for_a_host() -> None:
    """A host that matches has all that it had; its group is shown with it."""
    assert names(sheet(TWO, View(query="gpu"))) == ["prod", "  gpu", "    model"]


def test_search_for_a_path() -> None:
    """Paths are searched, too."""
    assert names(sheet(TWO, View(query="/srv/mod"))) == ["prod", "  gpu", "    model"]


def test_words_may_be_on_several_levels() -> None:
    """Each word is somewhere on the way from group to session, one of them in the row itself."""
    assert names(sheet(TWO, View(query="prod login")))[-1] == "      s1"
    assert names(sheet(TWO, View(query="gpu login"))) == []


def test_closing_within_a_search() -> None:
    """A project that a search has opened can be closed."""
    view = View(query="login").closed(ProjectRef("web", "/srv/app"))
    assert names(sheet(TWO, view))[:3] == ["prod", "  web", "    app"]


def test_best() -> None:
    """The best match is the row to go to; without a search there is none."""
    found = sheet(TWO, View(query="login"))
    at = found.best()
    assert at is not None
    assert found.rows[at].place == SessionRef("web", "s1", "/srv/app")
    assert sheet(TWO).best() is None


def test_filters() -> None:
    """A filter leaves sessions of these states, or hosts in trouble."""
    busy = host("b", Session("s4", directory="/p", live=Live.BUSY), Session("s5", directory="/p"))
    gone = Entry(HostSpec("gone"), report=Report(HostState.UNREACHABLE, NOW))
    mixed = fleet(busy, gone)
    assert names(sheet(mixed, View(filter=Filter.THINKING))) == ["b", "  p", "    s4"]
    assert names(sheet(mixed, View(filter=Filter.TROUBLE))) == ["gone"]
    assert names(sheet(mixed, View(filter=Filter.WAITING))) == []
    old = host(
        *("b", Session("i", directory="/p", updated=NOW - 3600), Session("c", directory="/p")),
        Session("a", directory="/p", archived=NOW),
    )
    for chosen, wanted in ((Filter.IDLE, "i"), (Filter.COLD, "c"), (Filter.ARCHIVED, "a")):
        assert names(sheet(fleet(old), View(filter=chosen))) == ["b", "  p", f"    {wanted}"]


def test_archived() -> None:
    """Archived sessions are shown only where they are wanted; a project of none else is not."""
    old = fleet(host("a", Session("s", directory="/p", archived=NOW)))
    view = View().opened(ProjectRef("a", "/p"))
    assert names(sheet(old, view)) == ["a"]
    assert names(sheet(old, replace(view, show_archived=True))) == ["a", "  p", "    s"]


def test_order() -> None:
    """By name: hosts, projects and sessions; by host: hosts and projects only."""
    mixed = fleet(
        host("b", Session("1", "B", "/p", updated=2), Session("2", "A", "/p", updated=1)),
        host("a"),
    )
    view = View().opened(ProjectRef("b", "/p"))
    assert names(sheet(mixed, view)) == ["b", "  p", "    1", "    2", "a"]
    by_name = names(sheet(mixed, replace(view, sort=SortBy.NAME)))
    assert by_name == ["a", "b", "  p", "    2", "    1"]
    by_host = names(sheet(mixed, replace(view, sort=SortBy.HOST)))
    assert by_host == ["a", "b", "  p", "    1", "    2"]
    assert [name for name, _ in grouped(TWO, SortBy.NAME)] == ["prod", ""]


def test_priority() -> None:
    """Hosts with a priority are first in any order, the lowest before others."""
    overrides = {"y": Override(priority=2), "z": Override(priority=1)}
    hosts = Hosts(local=False, overrides=overrides)
    for sort in SortBy:
        listed = sheet(Fleet().of(select(("a", "y", "z"), (), hosts)), View(sort=sort))
        assert names(listed) == ["z", "y", "a"]


def test_too_many() -> None:
    """The newest are shown and those at work; how many more there are is a row that opens."""
    sessions = [Session(f"s{at}", directory="/p", updated=100 - at) for at in range(5)]
    sessions[4] = replace(sessions[4], live=Live.PERMISSION)
    view = View(max_display=2).opened(ProjectRef("a", "/p"))
    found = sheet(fleet(host("a", *sessions)), view)
    assert names(found) == ["a", "  p", "    s0", "    s1", "    s4", "    "]
    more = found.rows[-1]
    assert more.hidden == 2
    opened = sheet(fleet(host("a", *sessions)), view.opened(more.place))
    assert len(opened.rows) == 7


def test_tally() -> None:
    """The figures are of the whole fleet, whatever is shown."""
    assert sheet(TWO).tally == sheet(TWO, View(query="zzz")).tally
    assert (sheet(TWO).tally.hosts, sheet(TWO).tally.sessions) == (3, 3)


def test_only_what_changed_is_made_again() -> None:
    """Rows of hosts whose entry is the same object are the same objects."""
    rows = Rows()
    before = rows.of(TWO, View(), NOW, DISPLAY)
    after = rows.of(TWO.having(replace(TWO.entries["gpu"])), View(), NOW + 1, DISPLAY)
    same = [one is other for one, other in zip(before.rows, after.rows, strict=True)]
    assert same == [False, True, True, False, False, True, True]  # the group is counted again
    later = rows.of(TWO, View(), NOW + 3600, DISPLAY)
    assert not any(one is other for one, other in zip(before.rows, later.rows, strict=True))


def test_states_follow_the_clock() -> None:
    """A session that was active is idle after a while, though its host said nothing new."""
    rows, view = Rows(), View(filter=Filter.ACTIVE)
    assert rows.of(TWO, view, NOW, DISPLAY).rows
    assert not rows.of(TWO, view, NOW + 700, DISPLAY).rows


def test_hosts_that_go_are_forgotten() -> None:
    """Nothing is kept of a host that is no longer in the list."""
    rows = Rows()
    rows.of(TWO, View(), NOW, DISPLAY)
    rows.of(fleet(), View(), NOW, DISPLAY)
    assert rows.facts("web") is None


def test_nearest() -> None:
    """The selection stays on its row; where that has gone, on the next one, else the one before."""
    view = View().opened(ProjectRef("a", "/p"))
    three = [Session(f"s{at}", directory="/p", updated=9 - at) for at in range(3)]
    before = sheet(fleet(host("a", *three)), view)
    place = before.rows[3].place
    assert nearest(before, sheet(fleet(host("0"), host("a", *three)), view), place) == 4
    after = sheet(fleet(host("a", three[0], three[2])), view)
    assert after.rows[nearest(before, after, place) or 0].place == before.rows[4].place
    last = sheet(fleet(host("a", three[0])), view)
    assert last.rows[nearest(before, last, before.rows[4].place) or 0].place == before.rows[2].place


def test_nearest_of_nothing() -> None:
    """Without a selection the first row is selected; without rows none."""
    assert nearest(Sheet(), sheet(TWO), None) == 0
    assert nearest(sheet(TWO), Sheet(), HostRef("web")) is None
    assert nearest(Sheet(), sheet(TWO), HostRef("gone")) == 0


def test_revealing() -> None:
    """A session is shown whatever hides it: a group, a host, a project, a search, the number."""
    place: Place = SessionRef("web", "s1", "/srv/app")
    rows = Rows()
    hidden = View(query="zzz", max_display=0).closed(GroupRef("prod")).closed(HostRef("web"))
    rows.of(TWO, hidden, NOW, DISPLAY)
    shown = rows.of(TWO, revealing(hidden, place, TWO, rows), NOW, DISPLAY)
    assert shown.find(place) is not None
    assert revealing(hidden, HostRef("gone"), TWO, rows) == hidden


def test_waiting() -> None:
    """What waits is found on all hosts, in the order of the list, also where it is hidden."""
    ask = Session("s", directory="/p", live=Live.QUESTION)
    two, rows = fleet(host("a", ask), host("b", ask)), Rows()
    rows.of(two, View(query="zzz"), NOW, DISPLAY)
    assert [one.alias for one in waiting(rows, two.entries)] == ["a", "b"]
