"""What keys do to a host or a directory of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.rig.desk import AT_ONE, NOW, ONE, TWO, Seat, entry, fleet_of, seat
from textual.widgets import Input

from opencoderouter.core.fleet.control import Done, Failed, Foreground
from opencoderouter.core.fleet.model import (
    HostRef,
    HostState,
    ProjectRef,
    Report,
    Server,
    SessionRef,
    Target,
)
from opencoderouter.core.fleet.refs import GroupRef, MoreRef
from opencoderouter.tui.modals.new_session import NewSession
from opencoderouter.tui.terminal import Ended

APP = ProjectRef("prod", "/srv/app")
AWAY = entry(report=Report(HostState.UNREACHABLE, NOW, reason="timed out"))
ASKING = entry(report=Report(HostState.AUTH_REQUIRED, NOW, reason="Permission denied"))
LOGIN = (Foreground(("ssh", "jump"), "ssh -Nf jump"), Foreground(("ssh", "prod"), "ssh -Nf prod"))


def dialog(at: Seat) -> NewSession:
    """Return the dialog for a new session, which is open."""
    assert isinstance(at.bench.screen, NewSession)
    return at.bench.screen


async def test_new_session_with_a_prompt() -> None:
    """It is made in the selected directory, and works in the background."""
    async with seat() as at:
        await at.press("n")
        await at.press("h", "i", "ctrl+s")
        assert at.control.calls == [("new", APP, "hi", "")]
        assert at.toasts == ["Making a session in /srv/app", "new: done"]
        assert at.control.refreshed == [("prod",)]
        assert at.table.lent_to == []


async def test_new_session_without_a_prompt() -> None:
    """The terminal is attached to it at once."""
    async with seat() as at:
        await at.press("n", "ctrl+s")
        made = SessionRef("prod", "ses_new", "/srv/app")
        assert at.control.calls == [("new", APP, "", ""), ("attach", made)]
        assert [program.argv for program in at.table.lent_to] == [("ssh", "-t", "prod")]
        assert at.control.refreshed == [("prod",), ("prod",)]


async def test_new_session_fails() -> None:
    """Nothing is attached."""
    async with seat(answers={"new": Failed("No such directory")}) as at:
        await at.press("n", "ctrl+s")
        assert at.toasts[-1] == "No such directory\ne: details"
        assert at.table.lent_to == []


async def test_new_session_that_cannot_be_attached() -> None:
    """That is told, too."""
    async with seat(answers={"attach": Failed("Not attached")}) as at:
        await at.press("n", "ctrl+s")
        assert at.toasts[-1] == "Not attached\ne: details"


async def test_no_new_session() -> None:
    """Esc makes none; a host that is gone by then gets none."""
    async with seat() as at:
        await at.press("n", "escape")
        await at.press("n")
        at.bench.fleet.set(fleet_of())
        await at.press("ctrl+s")
        assert at.control.calls == []
        assert at.toasts == ["It is no longer there: nothing was done."]


@pytest.mark.parametrize(
    ("target", "first"),
    [
        (APP, "/srv/app"),
        (MoreRef("prod", "/srv/tools"), "/srv/tools"),
        (AT_ONE, "/srv/app"),
        (HostRef("prod"), "/srv/api"),
    ],
)
async def test_what_is_offered(target: Target | MoreRef, first: str) -> None:
    """The directory of the row first, then all that are known there; the agents of sessions."""
    host = entry(ONE, TWO)
    assert host.report is not None
    report = replace(host.report, servers=(Server(4096, directory="/srv/api"),))
    async with seat(replace(host, report=report, good=report)) as at:
        at.table.selected = target
        await at.press("n")
        known = list(dialog(at).directories)
        assert known[0] == first
        assert sorted(known) == ["/srv/api", "/srv/app", "/srv/tools"]
        assert list(dialog(at).agents) == ["build", "plan"]


@pytest.mark.parametrize("key", ["n", "g"])
@pytest.mark.parametrize(
    ("host", "why"), [(AWAY, "unreachable"), (replace(AWAY, report=None), "not asked yet")]
)
async def test_a_host_that_is_not_online(key: str, host: object, why: str) -> None:
    """It is said why nothing can be made there."""
    async with seat(host) as at:  # type: ignore[arg-type]  # an Entry, by parameter
        await at.press(key)
        assert at.over == "Table"
        assert at.toasts == [f"prod is not online: {why}."]


@pytest.mark.parametrize("key", ["n", "g", "a", "S", "ctrl+r"])
async def test_no_host(key: str) -> None:
    """A group is no host."""
    async with seat() as at:
        at.table.selected = GroupRef("all")
        await at.press(key)
        assert at.control.calls == []
        assert at.toasts == ["Select a host first."]


@pytest.mark.parametrize("key", ["S", "ctrl+r"])
async def test_no_project(key: str) -> None:
    """A host is no directory."""
    async with seat() as at:
        at.table.selected = HostRef("prod")
        await at.press(key)
        assert at.toasts == ["Select a project or a session first."]


async def test_clone_and_start_there() -> None:
    """The clone is told, and a session in it is offered."""
    async with seat(answers={"clone": Done("Cloned", "/home/me/app")}) as at:
        await at.press("g")
        at.bench.screen.query_one("#url", Input).value = "https://example.org/app"
        await at.settle()
        await at.press("enter")
        assert at.control.calls == [("clone", "prod", "https://example.org/app", "~/app")]
        assert at.toasts == ["Cloned"]
        assert at.control.refreshed == [("prod",)]
        assert next(iter(dialog(at).directories)) == "/home/me/app"


async def test_no_clone() -> None:
    """Esc asks nothing of the host."""
    async with seat() as at:
        await at.press("g", "escape")
        assert (at.over, at.control.calls) == ("Table", [])


@pytest.mark.parametrize(("key", "done"), [("S", "start"), ("ctrl+r", "restart")])
@pytest.mark.parametrize(("answer", "sure"), [("y", True), ("enter", False), ("escape", False)])
async def test_servers(key: str, done: str, answer: str, *, sure: bool) -> None:
    """Starting and restarting are asked for, for the directory of the row."""
    async with seat() as at:
        await at.press(key)
        assert "/srv/app" in at.text
        await at.press(answer)
        assert at.control.calls == ([(done, APP)] if sure else [])
        assert at.control.refreshed == ([("prod",)] if sure else [])


@pytest.mark.parametrize("key", ["S", "ctrl+r"])
async def test_servers_of_a_host_that_is_gone(key: str) -> None:
    """Nothing is done."""
    async with seat() as at:
        await at.press(key)
        at.bench.fleet.set(fleet_of())
        await at.press("y")
        assert at.control.calls == []
        assert at.toasts == ["It is no longer there: nothing was done."]


async def test_log_in() -> None:
    """The commands are shown with the reason, run in order, and the host is asked again."""
    async with seat(ASKING, answers={"login": LOGIN}) as at:
        await at.press("a")
        assert all(part in at.text for part in ("Permission denied", "ssh -Nf jump"))
        assert at.table.lent_to == []
        await at.press("enter")
        assert at.table.lent_to == [*LOGIN]
        assert at.control.refreshed == [("prod",)]


async def test_log_in_stops_at_what_fails() -> None:
    """What comes after it would not work either; the host is asked again all the same."""
    async with seat(ASKING, answers={"login": LOGIN}) as at:
        at.table.ending = Ended(255, "Permission denied")
        await at.press("a", "enter")
        assert at.table.lent_to == [LOGIN[0]]
        assert at.toasts == ["Permission denied\ne: details"]
        assert at.control.refreshed == [("prod",)]


async def test_log_in_elsewhere() -> None:
    """Esc runs nothing."""
    async with seat(ASKING, answers={"login": LOGIN}) as at:
        await at.press("a", "escape")
        assert (at.table.lent_to, at.control.refreshed) == ([], [])


@pytest.mark.parametrize(
    ("answer", "toast"),
    [((), "prod wants nothing of a person."), (Failed("No such host"), "No such host\ne: details")],
)
async def test_no_log_in(answer: object, toast: str) -> None:
    """A host that wants nothing, and one that cannot be asked, are told so."""
    async with seat(ASKING, answers={"login": answer}) as at:
        await at.press("a")
        assert (at.over, at.toasts) == ("Table", [toast])
