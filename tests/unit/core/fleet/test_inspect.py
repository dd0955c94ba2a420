"""What the panel says."""

from __future__ import annotations

from dataclasses import replace

from opencoderouter.core.fleet.control import Detail, Failed, FileChange, Message, Todo
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.inspect import Part, inspect
from opencoderouter.core.fleet.line import Pen
from opencoderouter.core.fleet.model import (
    Ask,
    Failure,
    HostSpec,
    HostState,
    Live,
    Load,
    ProjectRef,
    Report,
    Resolved,
    Router,
    Server,
    Session,
    Via,
)
from opencoderouter.core.fleet.preferences import Display
from opencoderouter.core.fleet.rows import Rows
from opencoderouter.core.fleet.view import View

NOW = 1_000_000.0
PEN = Pen(Display(), NOW)
EVIL = "\x1b[2J[bold]\x07\u202e" + "x" * 10_000
SESSION = Session(
    "ses_1",
    "Fix login",
    "/srv/app/sub",
    project="/srv/app",
    agent="build",
    model="gpt",
    cost=0.5,
    tokens_in=12_300,
    tokens_out=950,
    messages=7,
    created=NOW - 7200,
    updated=NOW - 60,
    live=Live.PERMISSION,
    live_reason="",
    asks=(Ask(Live.PERMISSION, "p", "ses_1", "bash: make", since=NOW - 90),),
)
GOOD = Report(
    HostState.ONLINE,
    NOW - 5,
    took=0.4,
    via=Via.OPENSSH,
    via_reason="a certificate authority in known_hosts",
    system="Linux 6.12",
    program="/usr/bin/opencode",
    version="1.18.33",
    servers=(Server(4096, pid=12, directory="/srv/app", managed=True),),
    router=Router(7777, "0.1.0"),
    sessions=(SESSION,),
    load=Load(0.5, 8, 32 * 2**30, 3 * 2**30, 500 * 2**30, 120 * 2**30),
    failures=(Failure("live", "prohibited"),),
)
ENTRY = Entry(
    HostSpec("web", label="Main", group="prod"),
    Resolved("web", "10.0.0.1", "me", 2222, jumps=("bastion", "inner")),
    GOOD,
    GOOD,
    next_at=NOW + 24,
)


def told(entry: Entry, at: int, detail: Detail | Failed | None = None) -> tuple[Part, ...]:
    """Return what the panel says of one row: 0 group, 1 host, 2 project, 3 session."""
    view = View().opened(ProjectRef(entry.host.alias, "/srv/app"))
    rows = Rows().of(Fleet({entry.host.alias: entry}), view, NOW, PEN.display).rows
    return inspect(rows[at], PEN, detail)


def facts(parts: tuple[Part, ...]) -> dict[str, str]:
    """Return what is said after each label."""
    return {part.label: text(part) for part in parts if part.label}


def text(part: Part) -> str:
    """Return the text of a line."""
    return "".join(piece for piece, _ in part.spans)


def test_nothing() -> None:
    """Of no row nothing is said."""
    assert inspect(None, PEN) == ()


def test_group() -> None:
    """A group says how many of its hosts are on."""
    assert facts(told(ENTRY, 0)) == {"hosts": "1 of 1 on", "sessions": "1 🟡1"}


def test_host() -> None:
    """A host says how it is reached and why so, what runs there, and when it is asked."""
    assert facts(told(ENTRY, 1)) == {
        "alias": "web",
        "group": "prod",
        "state": "● online",
        "live": "prohibited",
        "address": "me@10.0.0.1:2222",
        "through": "bastion -> inner",
        "transport": "OpenSSH: a certificate authority in known_hosts",
        "sessions": "1 🟡1",
        "opencode": "1.18.33 /usr/bin/opencode",
        "system": "Linux 6.12",
        "load": "0.50 of 8",
        "memory": "3.0 GiB free of 32.0 GiB",
        "disk": "120.0 GiB free of 500.0 GiB",
        "router": ":7777 0.1.0",
        "server": ":4096  /srv/app  pid 12  of a router",
        "asked": "5s ago, took 0.4 s",
        "again in": "24s",
    }


def test_host_that_is_away() -> None:
    """It says why, what mends it, how often, and how old the rest is."""
    gone = Report(
        HostState.AUTH_REQUIRED, NOW, reason="publickey", how="password", mend=("ssh web",)
    )
    said = facts(told(replace(ENTRY, report=gone, failures=3), 1))
    assert said["state"] == "◆ auth required"
    assert (said["reason"], said["wants"], said["to mend"]) == ("publickey", "password", "ssh web")
    assert (said["stale"], said["failed"]) == ("shown as of 5s ago", "3 times in a row")
    blocked = Report(HostState.BLOCKED, NOW, blocked_by="bastion")
    assert facts(told(replace(ENTRY, report=blocked), 1))["blocked by"] == "bastion"


def test_host_that_was_never_asked() -> None:
    """It says so."""
    entry = Entry(HostSpec("web", group="g"), probing=True)
    assert facts(told(entry, 1))["state"] == "being asked"


def test_project() -> None:
    """A project says where it is, what it cost, which servers it has."""
    said = facts(told(ENTRY, 2))
    assert said["directory"] == "/srv/app"
    assert (said["host"], said["cost"], said["last"]) == ("Main", "$0.5000", "1m ago")
    assert said["server"].startswith(":4096")


def test_session() -> None:
    """A session says what is in the report at once."""
    assert facts(told(ENTRY, 3)) == {
        "status": "🟡 WAITING",
        "asks": "bash: make (1m)",
        "id": "ses_1",
        "directory": "/srv/app/sub",
        "project": "/srv/app",
        "host": "Main",
        "agent": "build",
        "model": "gpt",
        "tokens": "12.3k in, 950 out",
        "cost": "$0.5000",
        "messages": "7",
        "updated": "1m ago",
        "created": "2h ago",
    }


def test_detail() -> None:
    """What was read of it follows: error, todo, changes, messages, and what is missing."""
    detail = Detail(
        (Message("user", "one\ntwo"), Message("assistant", "", error="cut off")),
        (Todo("think", "completed"), Todo("write", "pending")),
        (FileChange("a.py", 3, 1),),
        "APIError: no\nmore",
        ("diff: no server",),
    )
    said = [text(part) for part in told(ENTRY, 3, detail)]
    assert said[said.index("Error") :] == [
        "Error",
        "APIError: no",
        "more",
        "Todo",
        "think",
        "write",
        "Changes in 1 file",
        "+3 -1 a.py",
        "Last messages",
        "user",
        "one",
        "two",
        "assistant",
        "cut off",
        "diff: no server",
    ]


def test_todo_marks() -> None:
    """The mark of a task takes no more room than it needs."""
    parts = told(ENTRY, 3, Detail(todo=(Todo("think", "completed"), Todo("write", "pending"))))
    assert [part.label for part in parts if part.mark] == ["[x]", "[ ]"]


def test_detail_that_failed() -> None:
    """That it could not be read is said, beside what is known."""
    said = [text(part) for part in told(ENTRY, 3, Failed("timed out"))]
    assert said[-2:] == ["Not read", "timed out"]


def test_text_of_others() -> None:
    """Whatever a host says, each line is made of what can be seen, and is not endless."""
    session = replace(SESSION, id=EVIL, title=EVIL, agent=EVIL, model=EVIL, live_reason=EVIL)
    report = replace(GOOD, reason=EVIL, system=EVIL, version=EVIL, sessions=(session,))
    detail = Detail(
        (Message(EVIL, EVIL, error=EVIL),), (Todo(EVIL, EVIL),), (FileChange(EVIL, 1, 1),), EVIL
    )
    entry = replace(ENTRY, report=report, good=report)
    parts = [part for at in range(4) for part in told(entry, at, detail)]
    assert all(text(part).isprintable() for part in parts)
