"""What is wrong with a row."""

from __future__ import annotations

from opencoderouter.core.fleet.control import Failed
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import (
    Failure,
    HostRef,
    HostSpec,
    HostState,
    Report,
    Session,
    SessionRef,
)
from opencoderouter.core.fleet.trouble import troubles


def fleet(report: Report | None, *sessions: Session) -> Fleet:
    """Return a fleet of one host."""
    good = Report(HostState.ONLINE, 1.0, sessions=sessions)
    return Fleet({"a": Entry(HostSpec("a", label="The host"), report=report, good=good)})


def test_nothing_is_wrong() -> None:
    """A host that was reached, one that was not asked yet, and one that is gone have no trouble."""
    for known in (fleet(Report(HostState.ONLINE, 1.0)), fleet(None), Fleet()):
        assert [*troubles(known, HostRef("a"))] == []


def test_a_host_that_is_not_reached() -> None:
    """State, reason, what it wants and what mends it are told."""
    report = Report(HostState.AUTH_REQUIRED, 1.0, reason="denied", how="password", mend=("ssh a",))
    expected = Failed("The host: auth required", "denied\nIt wants: password", ("ssh a",))
    assert [*troubles(fleet(report), HostRef("a"))] == [expected]


def test_parts_of_a_probe() -> None:
    """A part that failed is told, though the host is online."""
    report = Report(HostState.ONLINE, 1.0, failures=(Failure("sessions", "database is locked"),))
    expected = Failed("The host: sessions could not be read", "database is locked")
    assert [*troubles(fleet(report), HostRef("a"))] == [expected]


def test_a_session_that_failed_comes_before_its_host() -> None:
    """The error of the session itself is what was asked for."""
    report = Report(HostState.UNREACHABLE, 1.0, reason="timed out")
    sessions = (Session("ses_1", error="ProviderAuthError"), Session("ses_2", error="Other"))
    found = [
        one.summary for one in troubles(fleet(report, *sessions), SessionRef("a", "ses_1", "/"))
    ]
    assert found == ["ses_1: ProviderAuthError", "The host: unreachable"]
