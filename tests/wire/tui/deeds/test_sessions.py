"""What keys do to a session."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.rig.desk import AT_ONE, AT_TWO, EVIL, NOW, ONE, TWO, calls, entry, seat

from opencoderouter.core.fleet.control import Done, Failed, Foreground
from opencoderouter.core.fleet.model import (
    Ask,
    HostRef,
    Live,
    ProjectRef,
    Question,
    SessionRef,
    Target,
)
from opencoderouter.core.fleet.refs import GroupRef
from opencoderouter.tui.deeds.sessions import has_browser
from opencoderouter.tui.terminal import Ended

GONE = "It is no longer there: nothing was done."
PERMISSION = Ask(Live.PERMISSION, "per_1", "ses_1", "bash: make", since=NOW - 30)
QUESTIONS = (Question("Which?", options=(("red", ""), ("blue", ""))), Question("Who?"))
QUESTION = Ask(Live.QUESTION, "que_1", "ses_1", "Which?", QUESTIONS, since=NOW - 30)
ASKED = entry(replace(ONE, asks=(PERMISSION,)), TWO)
QUESTIONED = entry(replace(ONE, asks=(QUESTION,)), TWO)
SEVERAL = (AT_ONE, AT_TWO)


async def test_attach() -> None:
    """The terminal is lent to what attaches; afterwards the host is asked again."""
    program = Foreground(("ssh", "-t", "prod"), "ssh -t prod opencode -s ses_1")
    async with seat(answers={"attach": program}) as at:
        await at.press("enter")
        assert at.control.calls == [("attach", AT_ONE)]
        assert at.table.lent_to == [program]
        assert at.control.refreshed == [("prod",)]
        assert at.toasts == []


async def test_attach_fails() -> None:
    """The last line that ssh said is told; the details have all of it. The host is asked again."""
    async with seat() as at:
        at.table.ending = Ended(255, "Warning: x\nConnection closed by prod")
        await at.press("enter")
        assert at.toasts == ["Connection closed by prod\ne: details"]
        assert at.control.refreshed == [("prod",)]
        await at.press("e")
        assert all(part in at.text for part in ("exit code 255", "Warning: x", "-s ses_1"))


async def test_attach_fails_without_a_word() -> None:
    """The exit code is told, where there is nothing else."""
    async with seat() as at:
        at.table.ending = Ended(3)
        await at.press("enter")
        assert at.toasts == ["It ended with exit code 3.\ne: details"]


async def test_attach_is_refused() -> None:
    """The terminal is not lent."""
    async with seat(answers={"attach": Failed("Not attached")}) as at:
        await at.press("enter")
        assert at.table.lent_to == []
        assert at.toasts == ["Not attached\ne: details"]


@pytest.mark.parametrize(("key", "done"), [("s", "abort"), ("a", "archive")])
async def test_kill(key: str, done: str) -> None:
    """Stopping and archiving are asked for, and done to the selected session."""
    async with seat() as at:
        await at.press("d")
        assert "Fix the login page" in at.text
        assert at.control.calls == []
        await at.press(key)
        assert at.control.calls == [(done, AT_ONE)]


async def test_kill_says_what_goes_on() -> None:
    """What a server says of the session is in the question."""
    async with seat(entry(replace(ONE, live=Live.BUSY))) as at:
        await at.press("d")
        assert "at work now" in at.text


@pytest.mark.parametrize("key", ["d", "D"])
@pytest.mark.parametrize("leave", ["escape", "enter", "n"])
async def test_leaving_it(key: str, leave: str) -> None:
    """Nothing is done without a clear yes."""
    async with seat() as at:
        await at.press(key)
        assert at.over == "Choose"
        await at.press(leave)
        assert (at.over, at.control.calls, at.toasts) == ("Table", [], [])


@pytest.mark.parametrize(("key", "yes"), [("d", "s"), ("d", "a"), ("D", "y")])
async def test_gone_while_it_was_asked(key: str, yes: str) -> None:
    """A session that vanishes between key and answer is left alone, and that is said."""
    async with seat() as at:
        await at.press(key)
        at.lose(AT_ONE)
        await at.press(yes)
        assert at.control.calls == []
        assert at.toasts == [GONE]


@pytest.mark.parametrize("key", ["enter", "o"])
async def test_gone_before_the_key(key: str) -> None:
    """A row that is no longer true does nothing."""
    async with seat() as at:
        at.lose(AT_ONE)
        await at.press(key)
        assert at.control.calls == []
        assert at.toasts == [GONE]


async def test_the_selection_moves_while_it_is_asked() -> None:
    """What is done is done to what the question named."""
    async with seat() as at:
        await at.press("d")
        at.table.selected = AT_TWO
        await at.press("a")
        assert at.control.calls == [("archive", AT_ONE)]


async def test_archive_the_marked() -> None:
    """All of them are named, archived and no longer marked; each host is asked again once."""
    async with seat() as at:
        at.table.marks = SEVERAL
        await at.press("d")
        assert all(part in at.text for part in ("2 sessions", "Fix the login page", "Tidy up"))
        await at.press("y")
        assert at.control.calls == [("archive", AT_ONE), ("archive", AT_TWO)]
        assert at.toasts[-1] == "Archived 2 of 2 sessions"
        assert at.control.refreshed == [("prod",)]
        assert not at.table.marks


async def test_archive_the_marked_on_several_hosts() -> None:
    """A host that hangs keeps no other waiting; those of one directory go together."""
    far = replace(ONE, id="ses_9")
    three = replace(ONE, id="ses_3")
    refs = (
        SessionRef("slow", "ses_9", "/srv/app"),
        *(AT_ONE, AT_TWO),
        SessionRef("prod", "ses_3", "/srv/app"),
    )
    async with seat(entry(ONE, TWO, three), entry(far, alias="slow")) as at:
        at.table.marks, at.control.held = refs, asyncio.Event()
        await at.press("d", "y")
        first = [("archive", ref) for ref in (refs[0], AT_ONE, refs[3])]
        assert at.control.calls == first
        at.control.held.set()
        await at.settle()
        assert at.control.calls == [*first, ("archive", AT_TWO)]
        assert at.toasts[-1] == "Archived 4 of 4 sessions"
        assert sorted(at.control.refreshed, key=str) == [("prod",), ("slow",)]


async def test_archive_the_marked_not_after_all() -> None:
    """Esc leaves them, and leaves them marked."""
    async with seat() as at:
        at.table.marks = SEVERAL
        await at.press("d", "escape")
        assert at.control.calls == []
        assert at.table.marks == SEVERAL


async def test_archive_the_marked_in_part() -> None:
    """Those that are gone are left alone; those that failed are told one by one."""
    async with seat(answers={"archive": Failed("HTTP 500")}) as at:
        at.table.marks = (*SEVERAL, SessionRef("prod", "ses_3", "/"))
        await at.press("d", "y")
        assert calls(at.control) == ["archive", "archive"]
        assert at.toasts[-1] == "Archived 0 of 3 sessions; 1 gone\ne: details"
        await at.press("e")
        assert "prod ses_2: HTTP 500" in at.text


async def test_delete() -> None:
    """It is asked for; what came of it names the file."""
    async with seat(answers={"delete": Done("Deleted; exported to /x.json", "/x.json")}) as at:
        await at.press("D")
        assert "ses_1" in at.text
        await at.press("y")
        assert at.control.calls == [("delete", AT_ONE)]
        assert at.toasts[-1] == "Deleted; exported to /x.json"


@pytest.mark.parametrize(("key", "answer"), [("1", "once"), ("2", "always"), ("3", "reject")])
async def test_reply_to_a_permission(key: str, answer: str) -> None:
    """What is to be allowed is shown; the answer goes to the very ask."""
    async with seat(ASKED) as at:
        await at.press("p")
        assert "bash: make" in at.text
        await at.press(key)
        assert at.control.calls == [("reply", "prod", PERMISSION, ((answer,),))]
        assert at.control.refreshed == [("prod",)]


async def test_reply_to_questions() -> None:
    """They are asked one after the other, and answered together."""
    async with seat(QUESTIONED) as at:
        await at.press("p")
        assert "Question 1 of 2" in at.text
        await at.press("2")
        assert "Question 2 of 2" in at.text
        await at.press("m", "e", "enter")
        assert at.control.calls == [("reply", "prod", QUESTION, (("blue",), ("me",)))]


@pytest.mark.parametrize("keys", [["ctrl+x"], ["1", "ctrl+x"]])
async def test_reject_questions(keys: list[str]) -> None:
    """One rejection rejects all of it."""
    async with seat(QUESTIONED) as at:
        await at.press("p", *keys)
        assert at.control.calls == [("reply", "prod", QUESTION, ())]


@pytest.mark.parametrize("keys", [["escape"], ["1", "escape"]])
async def test_do_not_reply(keys: list[str]) -> None:
    """Esc leaves it waiting, whatever was answered before."""
    async with seat(QUESTIONED) as at:
        await at.press("p", *keys)
        assert at.control.calls == []


async def test_answered_elsewhere() -> None:
    """What is no longer asked is not answered."""
    async with seat(ASKED) as at:
        await at.press("p")
        at.bench.fleet.set(at.bench.fleet.value.having(entry(ONE)))
        await at.press("1")
        assert at.control.calls == []
        assert at.toasts == ["It is no longer asked: nothing was done."]


async def test_nothing_to_reply_to() -> None:
    """A session that waits for nothing is told so."""
    async with seat() as at:
        await at.press("p")
        assert at.toasts == ["This session waits for nothing."]


@pytest.mark.parametrize("key", ["enter", "d", "D", "p", "o", "Y"])
async def test_not_a_session(key: str) -> None:
    """Keys for sessions do nothing to other rows but say so."""
    async with seat() as at:
        at.table.selected = HostRef("prod")
        await at.press(key)
        assert at.control.calls == []
        assert at.toasts == ["Select a session first."]


async def test_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that comes of it is opened here."""
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.delenv("SSH_TTY", raising=False)
    async with seat() as at:
        await at.press("o")
        assert at.table.opened == ["http://127.0.0.1:4096/"]
        assert at.toasts == ["Opened http://127.0.0.1:4096/"]


@pytest.mark.parametrize("ssh", [True, False])
async def test_no_browser(monkeypatch: pytest.MonkeyPatch, *, ssh: bool) -> None:
    """Where a page would not be seen, or none opens, the URL is copied and told."""
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("SSH_CONNECTION", "x" if ssh else "")
    monkeypatch.delenv("SSH_TTY", raising=False)
    async with seat() as at:
        at.table.browser = False
        await at.press("o")
        assert at.table.opened == ([] if ssh else ["http://127.0.0.1:4096/"])
        assert at.bench.copied == ["http://127.0.0.1:4096/"]
        assert at.toasts == ["No browser here. Copied: http://127.0.0.1:4096/"]


async def test_browser_fails() -> None:
    """Nothing is opened."""
    async with seat(answers={"browse": Failed("Forwarding is prohibited")}) as at:
        await at.press("o")
        assert at.table.opened == []
        assert at.toasts == ["Forwarding is prohibited\ne: details"]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({"BROWSER": "lynx"}, True),
        ({"DISPLAY": ":10", "SSH_TTY": "/dev/pts/1"}, False),
        ({"DISPLAY": ":10", "SSH_CONNECTION": "1 2 3 4"}, False),
    ],
)
def test_has_browser(environment: dict[str, str], *, expected: bool) -> None:
    """Only who sits before a screen of this machine sees a page."""
    assert has_browser(environment) is expected


async def test_copy() -> None:
    """Each row is known by something, which is copied as it is and shown harmlessly."""
    evil = SessionRef("prod", EVIL, "/")
    rows: dict[Target, str] = {
        AT_ONE: "ses_1",
        ProjectRef("prod", "/srv/x"): "/srv/x",
        HostRef("prod"): "prod",
    }
    async with seat() as at:
        for row, text in {**rows, evil: EVIL}.items():
            at.table.selected = row
            await at.press("y")
            assert at.bench.copied[-1] == text
        assert at.toasts[0] == "Copied: ses_1"
        assert r"\x1b]52" in at.toasts[-1]
        at.table.selected = GroupRef("all")
        await at.press("y")
        assert len(at.bench.copied) == 4


async def test_copy_attach() -> None:
    """What a person would type is copied."""
    async with seat() as at:
        await at.press("Y")
        assert at.bench.copied == ["ssh -t prod opencode -s ses_1"]
        at.control.answers["attach"] = Failed("Not there")
        await at.press("Y")
        assert at.toasts[-1] == "Not there\ne: details"
