"""The fleet as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from opencoderouter.core.fleet import document
from opencoderouter.core.fleet.attention import attention
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import (
    Ask,
    Endpoint,
    HostSpec,
    HostState,
    Live,
    Load,
    Question,
    Report,
    Resolved,
    Router,
    Server,
    Session,
    Via,
)
from opencoderouter.core.fleet.preferences import Display
from opencoderouter.core.fleet.status import Status

NOW = 1_790_000_000.0
SECRET = "hunter2"
ASK = Ask(
    Live.QUESTION,
    "que_1",
    "ses_1",
    "Which?",
    (Question("Which?", "Colour", (("Red", "warm"),), multiple=True),),
    NOW - 5,
    Endpoint(4096, authorization=SECRET),
    ("red *",),
)
SESSION = Session(
    "ses_1", "A\x1b[31m", "/srv/a", "/srv", updated=NOW - 5, live=Live.QUESTION, asks=(ASK,)
)
GOOD = Report(
    HostState.ONLINE,
    NOW - 60,
    0.5,
    via=Via.OPENSSH,
    via_reason="a FIDO key",
    version="1.18.33",
    servers=(Server(4096, directory="/srv", managed=True),),
    router=Router(8080, "0.1.0", 5),
    sessions=(SESSION, Session("ses_2", archived=NOW)),
    load=Load(0.5, 2),
)
BAD = Report(HostState.UNREACHABLE, NOW, 10.0, "Connection timed out", mend=("ssh -v web1",))
HOST = HostSpec("web1", label="Web", group="production")


def test_a_host_has_every_field() -> None:
    """What is printed is what docs/fleet.md describes; nothing of it is missing, ever."""
    row = document.host(Entry(HOST, Resolved("web1", "10.0.0.1", "me", 22), GOOD, GOOD), NOW, D)
    assert json.loads(json.dumps(row)) == {
        "alias": "web1",
        "label": "Web",
        "group": "production",
        "local": False,
        "state": "online",
        "reason": "",
        "how": "",
        "mend": [],
        "blocked_by": "",
        "at": NOW - 60,
        "took": 0.5,
        "via": "openssh",
        "via_reason": "a FIDO key",
        "hostname": "10.0.0.1",
        "user": "me",
        "port": 22,
        "system": "",
        "program": "",
        "version": "1.18.33",
        "router": {"port": 8080, "version": "0.1.0", "pid": 5},
        "servers": [
            {
                "port": 4096,
                "address": "127.0.0.1",
                "pid": None,
                "directory": "/srv",
                "version": "",
                "managed": True,
                "locked": False,
            }
        ],
        "sessions": {
            **dict.fromkeys(["active", "thinking", "idle", "errored", "cold"], 0),
            "total": 1,
            "waiting": 1,
            "archived": 1,
        },
        "load": {
            "load1": 0.5,
            "cpus": 2,
            **dict.fromkeys(["memory_total", "memory_available", "disk_total", "disk_available"]),
        },
        "failures": [],
        "stale": False,
    }


def test_a_host_that_was_never_asked_has_the_same_fields() -> None:
    """Its state is null."""
    full = document.host(Entry(HOST, None, GOOD, GOOD), NOW, D)
    bare = document.host(Entry(HOST), NOW, D)
    assert bare.keys() == full.keys()
    assert (bare["state"], bare["at"], bare["hostname"], bare["load"]) == (None, None, None, None)


def test_what_was_seen_last_stays() -> None:
    """State and reason are of now; servers and sessions are of then, marked as stale."""
    row = document.host(Entry(HOST, None, BAD, GOOD), NOW, D)
    assert (row["state"], row["reason"], row["mend"]) == ("unreachable", BAD.reason, BAD.mend)
    assert (row["version"], row["stale"]) == ("1.18.33", True)
    assert row["servers"]


def test_all_of_it_is_json_without_secrets_or_escapes() -> None:
    """Credentials of a server are nowhere, and no octet moves a cursor."""
    fleet = Fleet({"web1": Entry(HOST, None, GOOD, GOOD)})
    rows = [
        document.session(entry.host.alias, one, status, stale=entry.stale)
        for entry, one, status in document.sessions(fleet, NOW, D)
    ]
    items = [document.item(one) for one in attention(fleet)]
    text = json.dumps([document.hosts(fleet, NOW, D), rows, items])
    assert SECRET not in text
    assert text.isprintable()
    assert [row["status"] for row in rows] == ["waiting", "archived"]
    assert rows[0]["project"] == "/srv"
    assert items[0]["session"] == "ses_1"


def test_what_waits_says_what_can_be_answered() -> None:
    """Questions come with their options."""
    (item,) = attention(Fleet({"web1": Entry(HOST, None, GOOD, GOOD)}))
    assert document.item(item)["ask"] == {
        "kind": "question",
        "id": "que_1",
        "text": "Which?",
        "since": NOW - 5,
        "always": ("red *",),
        "questions": [
            {
                "text": "Which?",
                "header": "Colour",
                "multiple": True,
                "options": [{"label": "Red", "description": "warm"}],
            }
        ],
    }


def test_a_host_that_waits_has_no_session() -> None:
    """Host keys and passwords are for a person, too."""
    report = Report(HostState.AUTH_REQUIRED, NOW, reason="it wants a password")
    (item,) = attention(Fleet({"web1": Entry(HOST, report=report)}))
    row = document.item(item)
    assert (row["need"], row["host"], row["session"], row["title"]) == ("host", "web1", None, "")


def test_every_field_is_documented() -> None:
    """docs/fleet.md names them all."""
    text = (Path(__file__).parents[4] / "docs" / "fleet.md").read_text()
    fleet = Fleet({"web1": Entry(HOST, None, GOOD, GOOD)})
    rows = [
        document.host(Entry(HOST), NOW, D),
        document.session("a", SESSION, Status.IDLE, stale=False),
        *map(document.item, attention(fleet)),
    ]
    asked = document.item(attention(fleet)[0])["ask"]
    assert isinstance(asked, dict)
    rows.append(asked)
    assert [name for row in rows for name in row if f"`{name}`" not in text] == []
    assert [state for state in HostState if f"| `{state}` |" not in text] == []
    assert [status for status in Status if f"`{status}`" not in text] == []


D = Display()
