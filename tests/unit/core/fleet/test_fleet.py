"""What is known of a host while reports come in."""

from __future__ import annotations

from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import Ask, Failure, HostSpec, HostState, Live, Report, Session

HOST = HostSpec("box")
OLD = Report(HostState.ONLINE, 1.0, sessions=(Session("ses_a"), Session("ses_b")))
GONE = Report(HostState.UNREACHABLE, 2.0)


def test_last_good_result_stays() -> None:
    """What was seen is shown, as stale, while the host is not reached."""
    entry = Entry(HOST).reported(OLD, 10.0).begun()
    assert entry.probing
    assert not entry.stale
    gone = entry.reported(GONE, 20.0).reported(GONE, 30.0)
    assert gone.sessions == OLD.sessions
    assert (gone.stale, gone.failures, gone.next_at, gone.probing) == (True, 2, 30.0, False)
    back = gone.reported(OLD, 40.0)
    assert (back.stale, back.failures) == (False, 0)


def test_nothing_works_where_nobody_looks() -> None:
    """Of a host that is not reached any more, no session is said to work; what it asks stays."""
    ask = Ask(Live.PERMISSION, "per_1", "ses_b", "bash")
    busy = Session("ses_a", live=Live.RETRY, live_reason="overloaded")
    waits = Session("ses_b", live=Live.PERMISSION, asks=(ask,))
    seen = Report(HostState.ONLINE, 1.0, sessions=(busy, waits))
    entry = Entry(HOST).reported(seen, 10.0)
    assert entry.sessions == (busy, waits)
    assert entry.reported(GONE, 20.0).sessions == (Session("ses_a"), waits)


def test_a_part_that_failed_takes_nothing_away() -> None:
    """Sessions that could not be read this time are still those of last time."""
    newer = Session("ses_b", title="renamed")
    part = Report(
        HostState.ONLINE,
        2.0,
        sessions=(newer,),
        failures=(Failure("sessions", "it took too long"),),
    )
    entry = Entry(HOST).reported(OLD, 10.0).reported(part, 20.0)
    assert entry.sessions == (newer, Session("ses_a"))
    assert entry.stale


def test_unread_sessions_are_not_none() -> None:
    """Where sessions could not be read it is not known how many there are."""
    part = Report(HostState.ONLINE, 2.0, failures=(Failure("opencode", "exit code 1"),))
    assert not Entry(HOST).counted
    assert not Entry(HOST).reported(part, 10.0).counted
    assert Entry(HOST).reported(OLD, 10.0).reported(part, 20.0).counted
    assert Entry(HOST).reported(Report(HostState.ONLINE, 1.0), 10.0).counted


def test_another_part_that_failed() -> None:
    """A session that is gone is gone, whatever else could not be read."""
    part = Report(HostState.ONLINE, 2.0, failures=(Failure("live", "no forwarding"),))
    entry = Entry(HOST).reported(OLD, 10.0).reported(part, 20.0)
    assert (entry.sessions, entry.stale) == ((), False)


def test_hosts_that_change_keep_what_is_known() -> None:
    """A new list of hosts keeps reports, takes new properties, and has the new order."""
    fleet = Fleet().of([HOST, HostSpec("other")]).having(Entry(HOST).reported(OLD, 10.0))
    changed = fleet.of([HostSpec("new"), HostSpec("box", label="Box")])
    assert list(changed.entries) == ["new", "box"]
    assert changed.entries["box"].host.name == "Box"
    assert changed.entries["box"].sessions == OLD.sessions
