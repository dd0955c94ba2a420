"""Tests of command lines: what they say, and that each text stays one word."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rig.corpus import IDS, NAMES

from opencoderouter.core.fleet import commands
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import Server

PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cs"]))
SSH = ("ssh", "-F", "/etc/my config")


@pytest.mark.parametrize("text", IDS)
def test_no_session(text: str) -> None:
    """What is no id of a session is never taken for one."""
    assert not commands.is_session(text)


@pytest.mark.parametrize("text", ["ses_df8b0ff7effewFnw7zQvX74j8H", "ses_1"])
def test_session(text: str) -> None:
    """The ids that OpenCode makes are taken."""
    assert commands.is_session(text)


@pytest.mark.parametrize(
    ("text", "taken"),
    [("per_1aB", True), ("que_1", True), ("ses_1", False), ("per_1/reply", False), ("per_", False)],
)
def test_ask(text: str, *, taken: bool) -> None:
    """Permissions and questions have ids of their own."""
    assert commands.is_ask(text) is taken


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("/srv/app", True),
        ("~", True),
        ("~/app", True),
        ("~root", False),
        ("app", False),
        ("-rf", False),
        ("", False),
        ("/a\0b", False),
    ],
)
def test_place(text: str, *, taken: bool) -> None:
    """A directory is absolute, or below one's own home: nobody else's."""
    assert commands.is_place(text) is taken


@given(PRINTABLE)
def test_word_is_one_word(text: str) -> None:
    """What is quoted for every shell is the same word to a POSIX one."""
    assert shlex.split(commands.word(text)) == [text]


@given(PRINTABLE)
def test_word_is_safe_in_csh_and_fish(text: str) -> None:
    """No `!` and no backslash stands in quotes: csh and fish would take it for theirs."""
    rest = commands.word(text)
    while rest:
        if rest[0] == "\\":
            assert rest[1] in "\\'!"
            rest = rest[2:]
        else:
            inside, quote, rest = rest.removeprefix("'").partition("'")
            assert quote
            assert not set(inside) & {"!", "\\"}


@pytest.mark.parametrize("name", NAMES)
def test_one_line(name: str) -> None:
    """A script for a terminal has no control characters, whatever the directory is called."""
    script = commands.opening("/opt/open\ncode", f"/srv/{name}", "ses_1")
    assert script.isprintable() or not any(ord(c) < 32 or ord(c) == 127 for c in script)


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ("/srv/app", "cd -- /srv/app"),
        ("/srv/my app", "cd -- '/srv/my app'"),
        ("~", "cd"),
        ("~/app", "cd && cd -- ./app"),
        ("/a\n", r'''d=$(printf %b '\0057\0141\0012\0056') && cd -- "${d%.}"'''),
    ],
)
def test_enter(directory: str, expected: str) -> None:
    """A directory is entered by its name, a home without eval."""
    assert commands.enter(directory) == expected


def test_opening() -> None:
    """Without a server a session is opened in its directory."""
    script = commands.opening("/opt/opencode", "/srv/app", "ses_1")
    assert script == "cd -- /srv/app && exec /opt/opencode -s ses_1"


def test_joining() -> None:
    """With a server it is opened there, on the host itself."""
    place = Place(Server(4096, "::1", 77, "/srv/app"))
    script = commands.joining("opencode", "/srv/app", "ses_1", place)
    url = "'http://[::1]:4096'"
    assert script == f"cd -- /srv/app && exec opencode attach {url} -s ses_1"


def test_joining_with_a_password() -> None:
    """A password is read from the server's process by the host; it is in no command line."""
    place = Place(Server(4096, pid=77, directory="/srv/app"), authorization="Basic c2VjcmV0")
    script = commands.joining("opencode", "/srv/app", "ses_1", place)
    assert "/proc/77/environ" in script
    assert "c2VjcmV0" not in script
    assert script.endswith("exec opencode attach http://127.0.0.1:4096 -s ses_1")


def test_at_terminal() -> None:
    """The user's own ssh gets one word, behind the alias."""
    argv = commands.at_terminal(SSH, "box", "cd && true", BatchMode=True, ConnectTimeout=3)
    assert argv == (
        *SSH,
        *("-t", "-o", "BatchMode=yes", "-o", "ConnectTimeout=3"),
        *("--", "box", "exec sh -c 'cd && true'"),
    )


def test_shown() -> None:
    """What a person would type can be typed."""
    shown = commands.shown(SSH, "box", "cd -- '/my app' && true")
    assert shlex.split(shown) == [*SSH, "-t", "box", "cd -- '/my app' && true"]
