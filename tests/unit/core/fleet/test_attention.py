"""What waits for a person or failed: what is on the list, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opencoderouter.core.fleet.attention import Need, attention, failed
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import (
    Ask,
    HostRef,
    HostSpec,
    HostState,
    Live,
    Report,
    Session,
    SessionRef,
)

PERMISSION = Ask(Live.PERMISSION, "per_1", "ses_1", "bash: make", since=50.0)
QUESTION = Ask(Live.QUESTION, "que_1", "ses_2", "Which colour?", since=20.0)


def host(alias: str, *sessions: Session, report: Report | None = None) -> Entry:
    """Return a host that was reached at 100, or that has another report now."""
    good = Report(HostState.ONLINE, 100.0, sessions=sessions)
    return Entry(HostSpec(alias), report=report or good, good=good)


def fleet(*entries: Entry) -> Fleet:
    """Return a fleet."""
    return Fleet({entry.host.alias: entry for entry in entries})


def test_nothing() -> None:
    """Sessions that do well, and hosts that are merely away, are not on the list."""
    away = replace(host("away", report=Report(HostState.UNREACHABLE, 200.0)), good=None)
    assert attention(fleet(host("a", Session("ses_1", live=Live.BUSY)), away)) == ()


def test_oldest_first_over_all_hosts() -> None:
    """What waits comes before what failed, and each is in the order in which it began."""
    one = host("a", Session("ses_1", asks=(PERMISSION,)), Session("ses_9", error="E", updated=5.0))
    two = host("b", Session("ses_2", asks=(QUESTION,)), Session("ses_8", error="E", updated=1.0))
    items = attention(fleet(one, two))
    assert [(item.need, item.target.alias, item.since) for item in items] == [
        (Need.QUESTION, "b", 20.0),
        (Need.PERMISSION, "a", 50.0),
        (Need.FAILED, "b", 1.0),
        (Need.FAILED, "a", 5.0),
    ]


def test_each_ask_is_an_item() -> None:
    """A session that asks twice is there twice, each time under a key of its own."""
    session = Session("ses_1", "Title", "/srv", asks=(PERMISSION, replace(PERMISSION, id="per_2")))
    items = attention(fleet(host("a", session)))
    assert [item.ask.id for item in items if item.ask] == ["per_1", "per_2"]
    assert len({item.key for item in items}) == 2
    assert {item.target for item in items} == {SessionRef("a", "ses_1", "/srv")}


def test_an_ask_without_a_time_began_with_the_last_change() -> None:
    """Where nobody knows when it was asked, the session's last change is taken."""
    session = Session("ses_1", updated=7.0, asks=(replace(PERMISSION, since=None),))
    assert [item.since for item in attention(fleet(host("a", session)))] == [7.0]


def test_a_session_without_a_title_goes_by_its_id() -> None:
    """There is always something to call it."""
    assert [i.title for i in attention(fleet(host("a", Session("ses_1", error="E"))))] == ["ses_1"]


@pytest.mark.parametrize(
    "state", [HostState.AUTH_REQUIRED, HostState.HOST_KEY_UNKNOWN, HostState.HOST_KEY_CHANGED]
)
def test_hosts_that_a_person_has_to_let_us_in(state: HostState) -> None:
    """They wait since they were reached last, and the reason is told."""
    [item] = attention(fleet(host("a", report=Report(state, 200.0, reason="why"))))
    assert (item.need, item.target, item.text) == (Need.HOST, HostRef("a"), "why")
    assert (item.since, item.title) == (100.0, state.replace("_", " "))


def test_a_host_that_was_never_reached_comes_first() -> None:
    """Nobody knows since when: it counts as oldest."""
    never = replace(host("b", report=Report(HostState.AUTH_REQUIRED, 200.0)), good=None)
    items = attention(fleet(host("a", Session("ses_1", asks=(PERMISSION,))), never))
    assert [item.since for item in items] == [None, 50.0]


def test_a_blocked_host_is_there_only_for_a_jump_host_that_is_not() -> None:
    """A jump host of the list speaks for itself."""
    inside = host("in", report=Report(HostState.BLOCKED, 1.0, blocked_by="jump"))
    assert [item.target for item in attention(fleet(inside))] == [HostRef("in")]
    assert attention(fleet(inside, host("jump"))) == ()


def test_what_was_seen_before_the_host_went_away_is_stale() -> None:
    """It stays on the list, and is told apart."""
    session = Session("ses_1", asks=(PERMISSION,))
    gone = host("a", session, report=Report(HostState.UNREACHABLE, 200.0))
    assert [item.stale for item in attention(fleet(host("b", session), gone))] == [False, True]


def test_archived_sessions_want_nothing() -> None:
    """Whatever they once asked."""
    assert (
        attention(fleet(host("a", Session("s", error="E", asks=(PERMISSION,), archived=1)))) == ()
    )


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (Session("s"), False),
        (Session("s", error="ProviderAuthError"), True),
        (Session("s", error="ProviderAuthError", live=Live.IDLE), True),
        (Session("s", error="ProviderAuthError", live=Live.BUSY), False),
        (Session("s", error="ProviderAuthError", live=Live.RETRY), False),
        (Session("s", error="MessageAbortedError"), False),
    ],
)
def test_failed(session: Session, *, expected: bool) -> None:
    """A session failed if its last message did, a person did not stop it, and nothing goes on."""
    assert failed(session) is expected


def test_what_asks_again_has_not_failed() -> None:
    """An ask is what is wanted now, whatever failed before."""
    items = attention(fleet(host("a", Session("ses_1", error="E", asks=(PERMISSION,)))))
    assert [item.need for item in items] == [Need.PERMISSION]
