"""What one row of the tree says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.line import Line, Pen, line
from opencoderouter.core.fleet.model import (
    Ask,
    Failure,
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
from opencoderouter.core.fleet.refs import GroupRef
from opencoderouter.core.fleet.rows import Rows
from opencoderouter.core.fleet.status import Role
from opencoderouter.core.fleet.view import View

NOW = 1_000_000.0
DISPLAY = Display()
PEN = Pen(DISPLAY, NOW)
EVIL = "\x1b]0;x\x07[bold]b[/]\nnew\u202eline\u200b" + "é👩" + "x" * 10_000


def lines(entry: Entry, pen: Pen = PEN, view: View | None = None) -> list[Line]:
    """Return the lines of a host with all its projects open."""
    view = view or View()
    for session in entry.sessions:
        view = view.opened(ProjectRef(entry.host.alias, session.directory))
    fleet = Fleet({entry.host.alias: entry})
    return [line(row, pen) for row in Rows().of(fleet, view, NOW, pen.display).rows]


def host(report: Report, **other: object) -> Entry:
    """Return a host with a report."""
    spec = HostSpec("web", label=str(other.get("label", "")), group=str(other.get("group", "")))
    return Entry(spec, report=report, good=report if report.reached else None)


def online(*sessions: Session, servers: tuple[Server, ...] = ()) -> Entry:
    """Return a host that was reached."""
    return host(Report(HostState.ONLINE, NOW, sessions=sessions, servers=servers))


def said(one: Line) -> str:
    """Return the text of a line."""
    return "".join(text for text, _ in one.left) + " |" + "".join(text for text, _ in one.right)


def roles(one: Line) -> set[Role]:
    """Return how a line looks."""
    return {role for _, role in (*one.left, *one.right)}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (Entry(HostSpec("web")), "  ◦ web  not asked yet |"),
        (Entry(HostSpec("web"), probing=True), "  ◦ web  asking |"),
        (host(Report(HostState.ONLINE, NOW), label="Main"), "  ● Main  web |"),
        (host(Report(HostState.NO_OPENCODE, NOW)), "  ◌ web  no opencode |"),
        (
            host(Report(HostState.UNREACHABLE, NOW, reason="refused")),
            "  ○ web  unreachable: refused |",
        ),
        (host(Report(HostState.HOST_KEY_CHANGED, NOW)), "  ▲ web  host key changed |"),
        (
            host(Report(HostState.HOST_KEY_CHANGED, NOW, reason="the host key was revoked")),
            "  ▲ web  the host key was revoked |",
        ),
        (
            host(Report(HostState.AUTH_REQUIRED, NOW, reason="permission denied", how="password")),
            "  ◆ web  auth required: password |",
        ),
        (
            host(Report(HostState.ONLINE, NOW, failures=(Failure("live", "prohibited"),))),
            "  ● web  live: prohibited |",
        ),
    ],
)
def test_host(entry: Entry, expected: str) -> None:
    """A host says what a person should know of it before anything else."""
    assert said(lines(entry)[0]) == expected


def test_stale() -> None:
    """What may no longer be so is dim, and says how old it is."""
    good = Report(HostState.ONLINE, NOW - 300, sessions=(Session("s", "T", "/p", updated=NOW),))
    gone = Report(HostState.UNREACHABLE, NOW, reason="timed out")
    entry = Entry(HostSpec("web"), report=gone, good=good)
    first, *below = lines(entry)
    assert said(first) == "▾ ○ web  unreachable: timed out  as of 5m ago |     1"
    assert roles(first) == {Role.DIM, Role.BAD}
    assert all(roles(one) == {Role.DIM} for one in below)


def test_group() -> None:
    """A group says how many of its hosts are on."""
    entry = replace(online(Session("s", directory="/p", live=Live.BUSY)))
    entry = replace(entry, host=HostSpec("web", group="prod"))
    assert said(lines(entry)[0]) == "▾ prod | ⠋1 1/1 hosts     1"


def test_project() -> None:
    """A project says where it is, which servers it has, and how many sessions."""
    entry = online(
        Session("s", directory="/srv/app"), servers=(Server(4096, directory="/srv/app"),)
    )
    assert said(lines(entry)[1]) == "  ▾ app  /srv  :4096 |     1"
    narrow = said(lines(entry, replace(PEN, roomy=False))[1])
    assert narrow == "  ▾ app |     1"


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (Session("s", "T", "/p", updated=NOW - 60), "      🟢 T |  active   1m"),
        (Session("s", "T", "/p", updated=NOW - 7200), "      💤 T |    idle   2h"),
        (Session("s", "", "/p"), "      ·  s |    cold     "),
        (Session("s", "T", "/p", live=Live.BUSY), "      ⠋  T |thinking     "),
        (Session("s", "T", "/p", error="APIError"), "      🔴 T  APIError | errored     "),
        (
            Session("s", "T", "/p", asks=(Ask(Live.QUESTION, "q", "s", "Which?"),)),
            "      🟡 T  Which? | waiting     ",
        ),
    ],
)
def test_session(session: Session, expected: str) -> None:
    """A session says what it does, what it wants, and when something happened last."""
    assert said(lines(online(session))[2]) == expected


def test_ascii() -> None:
    """Without Unicode all is ASCII."""
    entry = online(Session("s", "T", "/p", live=Live.BUSY), Session("t", "U", "/p", updated=NOW))
    pen = Pen(Display(unicode=False), NOW, marked=frozenset({SessionRef("web", "s", "/p")}))
    shown = [said(one) for one in lines(entry, pen, View(max_display=0))]
    assert all(text.isascii() for text in shown)
    assert shown[2].startswith("    + | T")


def test_more() -> None:
    """The row for the rest says how many there are."""
    entry = online(*(Session(str(at), directory="/p") for at in range(3)))
    assert said(lines(entry, view=View(max_display=1))[-1]) == "      … 2 more |"


def test_search_lights_up() -> None:
    """What was found is told apart; an id that was searched for is shown."""
    entry = online(Session("ses_42", "Fix login", "/p"))
    found = lines(entry, replace(PEN, words=("log", "42")), View(query="log"))[2]
    lit = [text for text, role in found.left if role is Role.MATCH]
    assert lit == ["log", "42"]


def test_turning() -> None:
    """A row turns while something in it thinks and things may move."""
    entry = online(Session("s", "T", "/p", live=Live.BUSY), Session("t", directory="/q"))
    assert [one.turning for one in lines(entry)] == [True, True, True, False, False]
    still = Pen(Display(animation=False), NOW)
    assert not any(one.turning for one in lines(entry, still))


def test_text_of_others() -> None:
    """Whatever a host says, a line is made of what can be seen, and is not endless."""
    report = Report(
        HostState.ONLINE,
        NOW,
        sessions=(Session(EVIL, EVIL, f"/{EVIL}", error=EVIL, updated=NOW),),
        failures=(Failure(EVIL, EVIL),),
    )
    entry = Entry(HostSpec(EVIL, label=EVIL, group=EVIL), report=report, good=report)
    view = View().opened(ProjectRef(EVIL, f"/{EVIL}")).opened(GroupRef(EVIL))
    shown = [said(one) for one in lines(entry, replace(PEN, words=("b",)), view)]
    assert len(shown) == 4
    assert all(text.isprintable() and len(text) < 3000 for text in shown)
