"""What a session is doing, in one word."""

from __future__ import annotations

import pytest

from opencoderouter.core.fleet.model import Ask, HostState, Live, Session
from opencoderouter.core.fleet.preferences import Display
from opencoderouter.core.fleet.status import (
    HOSTS,
    SESSIONS,
    Sign,
    Status,
    host_sign,
    session_sign,
    sign,
    status_of,
)

NOW = 1_000_000.0
ASK = Ask(Live.PERMISSION, "per_1", "s", "bash")
DISPLAY = Display(active_threshold=600, idle_threshold=86_400)


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (Session("s", updated=NOW), Status.ACTIVE),
        (Session("s", updated=NOW + 100), Status.ACTIVE),  # the host's clock is ahead
        (Session("s", updated=NOW - 600), Status.ACTIVE),
        (Session("s", updated=NOW - 601), Status.IDLE),
        (Session("s", updated=NOW - 86_401), Status.COLD),
        (Session("s"), Status.COLD),
        (Session("s", updated=NOW - 86_401, live=Live.BUSY), Status.THINKING),
        (Session("s", live=Live.RETRY, error="APIError"), Status.THINKING),
        (Session("s", live=Live.BUSY, asks=(ASK,)), Status.WAITING),
        (Session("s", live=Live.QUESTION), Status.WAITING),
        (Session("s", updated=NOW, error="APIError"), Status.ERRORED),
        (Session("s", updated=NOW, error="MessageAbortedError"), Status.ACTIVE),
        (Session("s", updated=NOW, archived=NOW, asks=(ASK,)), Status.ARCHIVED),
    ],
)
def test_status_of(session: Session, expected: Status) -> None:
    """What the server says goes before the last error, and that before the age."""
    assert status_of(session, NOW, DISPLAY) is expected


def test_signs_have_twins() -> None:
    """Each sign has one ASCII letter instead, another for each state of a session."""
    twins = [one.plain for one in SESSIONS.values()]
    assert set(SESSIONS) == set(Status)
    assert len(set(twins)) == len(twins)
    assert all(len(one.plain) == 1 and one.plain.isascii() for one in (*SESSIONS.values(),))
    assert set(HOSTS) == set(HostState)
    assert all(len(one.plain) == 1 and one.plain.isascii() for one in HOSTS.values())


def test_the_originals_signs() -> None:
    """The signs are those that the original program promised."""
    shown = [SESSIONS[one].text for one in (Status.ACTIVE, Status.IDLE, Status.ERRORED)]
    assert shown == ["🟢", "💤", "🔴"]
    assert host_sign(HostState.UNREACHABLE).text == "○"


def test_sign() -> None:
    """A terminal without Unicode gets the twin."""
    one = Sign("●", "+", SESSIONS[Status.ACTIVE].role)
    assert (sign(one, Display()), sign(one, Display(unicode=False))) == ("●", "+")


def test_spinner() -> None:
    """A thinking session turns, in braille or bars, unless nothing may move."""
    turned = [session_sign(Status.THINKING, Display(), frame) for frame in (0, 1, 10)]
    assert turned == ["⠋", "⠙", "⠋"]
    plain = Display(unicode=False)
    assert [session_sign(Status.THINKING, plain, frame) for frame in range(4)] == [*"|/-\\"]
    still = Display(animation=False)
    assert session_sign(Status.THINKING, still, 0) == session_sign(Status.THINKING, still, 1)


def test_unknown_host() -> None:
    """A host that has not been asked has a sign of its own."""
    assert host_sign(None) not in HOSTS.values()
