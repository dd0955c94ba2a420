"""The fleet as text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.cli.conftest import BARE, CART, NOW, WEB2, fleet, web1

from opencoderouter.cli import remote_text
from opencoderouter.core.fleet.attention import attention
from opencoderouter.core.fleet.document import sessions
from opencoderouter.core.fleet.fleet import Entry
from opencoderouter.core.fleet.model import Failure, HostSpec
from opencoderouter.core.fleet.preferences import Display, Preferences, Sessions

PLAIN = remote_text.Style()


def test_a_project_shows_as_many_sessions_as_are_preferred() -> None:
    """The rest is counted."""
    many = (replace(CART, id=f"ses_{n}", updated=NOW - n) for n in range(5))
    preferences = Preferences(sessions=Sessions(max_display=2))
    lines = remote_text.tree(fleet(web1(*many)), preferences, NOW, PLAIN).splitlines()
    assert [line.split()[1] for line in lines[2:4]] == ["ses_0", "ses_1"]
    assert lines[4] == "    3 sessions more: `ocr sessions`"


@pytest.mark.parametrize("shown", [True, False])
def test_archived_sessions(shown: bool) -> None:  # noqa: FBT001 - a row
    """They are in the tree when they are preferred; a project without any other is not there."""
    gone = replace(CART, asks=(), directory="/gone", archived=NOW)
    preferences = Preferences(sessions=Sessions(show_archived=shown))
    text = remote_text.tree(fleet(web1(gone)), preferences, NOW, PLAIN)
    assert ("/gone" in text) is shown
    assert "/srv/shop" in text  # a server runs there


def test_ascii_is_ascii() -> None:
    """Where it is preferred, whatever the terminal can show."""
    preferences = Preferences(display=Display(unicode=False))
    assert remote_text.tree(fleet(web1(CART), WEB2, BARE), preferences, NOW, PLAIN).isascii()


def test_colours() -> None:
    """Only where they are wanted."""
    entries = fleet(web1(CART))
    style = remote_text.Style(colour=True)
    assert "\x1b[32m●\x1b[0m web1" in remote_text.tree(entries, Preferences(), NOW, style)
    assert "\x1b" not in remote_text.tree(entries, Preferences(), NOW, PLAIN)


def test_a_host_that_was_never_asked() -> None:
    """It is there, and nothing is said of it."""
    one = Entry(HostSpec("new", label="New"))
    assert remote_text.tree(fleet(one), Preferences(), NOW, PLAIN) == "◦ New"
    assert remote_text.hosts([one], NOW, Display(), PLAIN).splitlines()[1].startswith("New   -")
    assert remote_text.change(one) == "New  asking"


def test_a_host_of_which_a_part_is_missing() -> None:
    """The table says which part, and why: no sessions may be none that could be read."""
    entry = web1(CART)
    assert entry.report is not None
    report = replace(entry.report, failures=(Failure("sessions", "timed out"),))
    text = remote_text.hosts([replace(entry, report=report)], NOW, Display(), PLAIN)
    assert text.splitlines()[1].endswith("sessions: timed out")


def test_narrow_terminals_get_blocks() -> None:
    """Nothing is cut, nothing is broken within a word."""
    narrow = remote_text.Style(width=30)
    found = list(sessions(fleet(web1(CART)), NOW, Display()))
    text = remote_text.sessions(found, NOW, narrow)
    assert "SESSION    ses_aaa1" in text
    assert max(map(len, text.splitlines())) <= 30


def test_items_and_changes() -> None:
    """One line each."""
    text = remote_text.items(attention(fleet(web1(CART))), NOW, PLAIN)
    assert "web1  permission  1m   ses_aaa1  Fix the cart  bash: rm -rf dist" in text
    assert remote_text.change(WEB2) == "web2  unreachable  Connection refused"


@pytest.mark.parametrize(
    ("environment", "colour"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({}, False)],
)
def test_what_this_terminal_can_show(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    colour: bool,  # noqa: FBT001 - a row
) -> None:
    """Colours need a terminal that has them, and nobody who does not want them."""
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert remote_text.style().colour is colour
    monkeypatch.setattr("sys.stdout.isatty", lambda: False, raising=False)
    assert not remote_text.style().colour
