"""Whatever a watcher prints, the router has hosts of it, or nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.fleet.document import hosts
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import Ask, HostSpec, HostState, Live, Report, Session
from opencoderouter.core.fleet.preferences import Display
from opencoderouter.core.fleet.watched import Watched, read_line

NOW = 1_700_000_000.0


def line(*found: object, **more: object) -> bytes:
    """Return a line of the watcher."""
    return json.dumps({"at": NOW, "hosts": found, **more}).encode()


def test_what_ocr_prints() -> None:
    """A fleet that `ocr` has printed is understood: states, counts, reasons."""
    asks = (Ask(Live.PERMISSION, "per_1", "ses_2", "rm"),)
    sessions = (
        Session("ses_1", live=Live.BUSY, updated=NOW),
        Session("ses_2", live=Live.PERMISSION, asks=asks, updated=NOW),
        Session("ses_3", updated=NOW),
        Session("ses_4", archived=NOW),
    )
    good = Report(HostState.ONLINE, NOW - 60, version="1.18.33", sessions=sessions)
    bad = Report(HostState.BLOCKED, NOW, reason="web is not reached", blocked_by="web")
    fleet = Fleet(
        {
            "web": Entry(HostSpec("web", label="Web", group="production"), report=good, good=good),
            "db": Entry(HostSpec("db"), report=bad, good=good, failures=1),
            "new": Entry(HostSpec("new")),
        }
    )
    seen = Watched("db", "db", version="1.18.33", sessions=3, busy=1, waiting=1)
    assert read_line(line(*hosts(fleet, NOW, Display()), new="field")) == (
        replace(
            seen,
            alias="web",
            label="Web",
            group="production",
            state=HostState.ONLINE,
            at=NOW - 60,
        ),
        replace(seen, state=HostState.BLOCKED, reason=bad.reason, at=NOW, stale=True),
        Watched("new", "new"),
    )


@pytest.mark.parametrize(
    "said",
    [b"", b"\n", b"\xff", b"[]", b"7", b"null", b"{}", b'{"hosts":{}}', b"[" * 100_000, b"ocr: x"],
)
def test_no_line(said: bytes) -> None:
    """What is no line tells of nothing."""
    assert read_line(said) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("state", "gone"),
        ("state", 7),
        ("state", ["online"]),
        ("at", "now"),
        ("at", True),
        ("at", -1),
        ("at", 1e300),
        ("at", float("nan")),
        ("sessions", [1]),
        ("sessions", {"total": "3", "thinking": -1, "waiting": True}),
        ("stale", "yes"),
        ("label", None),
        ("group", {}),
    ],
)
def test_other_types(field: str, value: object) -> None:
    """A field that is not what it should be is as if it was not there."""
    assert read_line(line({"alias": "web", field: value})) == (Watched("web"),)


def test_hosts_without_a_name() -> None:
    """What has no name is no host."""
    assert read_line(line({"alias": ""}, {}, 7, {"alias": 7}, {"alias": "web"})) == (
        Watched("web"),
    )


def test_text_is_printable_and_short() -> None:
    """What a host says cannot move a cursor, turn the text around it, or fill a page."""
    found = read_line(line({"alias": "w\x1b[2Jeb", "reason": "\u202e" + "x" * 10_000}))
    assert found is not None
    assert found[0].alias == "w\\x1b[2Jeb"
    assert found[0].reason.startswith("\\u202ex")
    assert len(found[0].reason) < 400


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*Watched.__dataclass_fields__]), anything))
def test_anything(host: dict[str, object]) -> None:
    """No host can break the reader, and what comes out can be written down again."""
    found = read_line(line(host))
    assert found is not None
    assert all(one.alias.isprintable() and (one.sessions or 0) >= 0 for one in found)
