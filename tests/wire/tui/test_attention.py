"""The screen of what waits for a person or failed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.rig.desk import AT_ONE, AT_TWO, EVIL, NOW, ONE, TWO, Seat, entry, seat

from opencoderouter.core.fleet.attention import Item, Need
from opencoderouter.core.fleet.control import Foreground
from opencoderouter.core.fleet.model import Ask, HostRef, HostState, Live, Report
from opencoderouter.core.fleet.preferences import KEYS, Display, Preferences
from opencoderouter.tui.attention import Attention, about, count, line

FIRST = Ask(Live.PERMISSION, "per_1", "ses_1", "bash: make", since=NOW - 600)
SECOND = Ask(Live.PERMISSION, "per_2", "ses_2", "bash: ls", since=NOW - 60)
BUSY = entry(replace(ONE, asks=(FIRST,)), replace(TWO, asks=(SECOND,)))
SHUT = entry(alias="vault", report=Report(HostState.AUTH_REQUIRED, NOW, reason="Permission denied"))
LOGIN = (Foreground(("ssh", "vault"), "ssh -Nf vault"),)


def selected(at: Seat) -> Item | None:
    """Return the item that is selected."""
    assert isinstance(at.bench.screen, Attention)
    return at.bench.screen.item


async def test_shows_all_hosts() -> None:
    """Figures, one line for each, and all of the selected one."""
    async with seat(BUSY, SHUT) as at:
        await at.press("w")
        assert "3 waiting   0 failed" in at.text
        rows = [row for row in at.text.splitlines() if "  prod  " in row or "  vault  " in row]
        assert ["vault" in row for row in rows] == [True, False, False]
        assert "10m" in rows[1]
        await at.press("j")
        assert "Permission: Fix the login page" in at.text


@pytest.mark.parametrize(("keys", "target"), [([], AT_ONE), (["j"], AT_TWO), (["j", "k"], AT_ONE)])
async def test_goes_to_the_session(keys: list[str], target: object) -> None:
    """Enter selects it in the tree."""
    async with seat(BUSY) as at:
        await at.press("w", *keys, "enter")
        assert at.table.revealed == [target]
        assert at.over == "Table"


async def test_goes_to_what_is_clicked() -> None:
    """The mouse does the same."""
    async with seat(BUSY) as at:
        await at.press("w")
        await at.click("Tidy up")
        assert at.table.revealed == [AT_TWO]


async def test_answers_without_leaving() -> None:
    """A permission is allowed from here, and the list stays."""
    async with seat(BUSY) as at:
        await at.press("w", "j", "space")
        assert "bash: ls" in at.text
        await at.press("1")
        assert at.control.calls == [("reply", "prod", SECOND, (("once",),))]
        assert at.over == "Attention"


async def test_logs_in_without_leaving() -> None:
    """A host that wants a person gets one."""
    async with seat(SHUT, answers={"login": LOGIN}) as at:
        await at.press("w", "space", "enter")
        assert at.table.lent_to == [*LOGIN]
        assert at.over == "Attention"


@pytest.mark.parametrize("key", ["space", "e"])
async def test_tells_what_failed(key: str) -> None:
    """What failed is told in full."""
    async with seat(entry(replace(ONE, error="ProviderAuthError"))) as at:
        await at.press("w", key)
        assert at.over == "ErrorDetail"
        assert "ProviderAuthError" in at.text


async def test_the_selection_stays_on_its_item() -> None:
    """Whatever comes and goes around it."""
    async with seat(BUSY) as at:
        await at.press("w", "j")
        at.bench.fleet.set(at.bench.fleet.value.having(SHUT))
        await at.settle()
        item = selected(at)
        assert item is not None
        assert item.ask == SECOND
        at.lose(AT_ONE)
        await at.settle()
        assert selected(at) == item
        assert "vault" in at.text
        assert "Fix the login page" not in at.text


async def test_the_selection_goes_on_when_its_item_is_gone() -> None:
    """To what stands in its place, else to the last, else to nothing."""
    async with seat(BUSY) as at:
        await at.press("w")
        at.lose(AT_ONE)
        await at.settle()
        item = selected(at)
        assert item is not None
        assert item.ask == SECOND
        at.lose(AT_TWO)
        await at.settle()
        assert selected(at) is None
        assert "Nothing waits for a person" in at.text
        await at.press("enter", "space", "e", "j", "k")
        assert (at.over, at.table.revealed) == ("Attention", [])


KEYS_OF_MINE = {
    **KEYS,
    "attention": ("A",),
    "reply": ("x",),
    "down": ("n",),
    "up": ("b",),
    "error_detail": ("down",),
    "help": ("f1",),
    "attach": ("left_square_bracket",),
}


async def test_keys_follow_the_preferences() -> None:
    """What does something in the tree does the same here, by the same key."""
    mine = Preferences(keybindings=KEYS_OF_MINE)
    async with seat(BUSY, preferences=mine) as at:
        await at.press("w")
        assert "x answer, log in   [ show in tree   f1 help   esc back" in at.text
        await at.press("n", "x")
        assert "bash: ls" in at.text
        await at.press("escape", "j", "p", "e", "question_mark", "w")
        assert (at.over, at.control.calls) == ("Attention", [])
        await at.press("down")
        assert at.toasts == ["There was no error."]
        await at.press("b", "n", "left_square_bracket")
        assert (at.over, at.table.revealed) == ("Table", [AT_TWO])
        await at.press("w", "A")
        assert at.over == "Table"


async def test_help() -> None:
    """The keys are explained here, too; afterwards the list is there again."""
    async with seat(BUSY) as at:
        await at.press("w", "question_mark")
        assert at.over == "Help"
        await at.press("escape")
        assert at.over == "Attention"


@pytest.mark.parametrize("key", ["escape", "w", "q"])
async def test_closes(key: str) -> None:
    """The tree is below it."""
    async with seat(BUSY) as at:
        await at.press("w", key)
        assert at.over == "Table"


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (140, 40)])
async def test_fits(size: tuple[int, int]) -> None:
    """Each item has one line, and keys and details are there."""
    async with seat(BUSY, SHUT, size=size) as at:
        await at.press("w")
        rows = [row for row in at.text.splitlines() if "  prod  " in row or "  vault  " in row]
        assert len(rows) == 3
        assert "esc back" in at.text


async def test_text_of_others() -> None:
    """Titles, directories and what is asked are drawn as text, each on its line."""
    plain = Preferences(display=Display(unicode=False))
    evil = replace(ONE, title=EVIL, directory=EVIL, asks=(replace(FIRST, text=EVIL),))
    async with seat(entry(evil, label=EVIL), preferences=plain, size=(140, 40)) as at:
        await at.press("w")
        assert "[b]bold[/b][@click" in at.text
        assert at.text.splitlines()[1].isprintable()
        assert r"\x1b]52" in at.text


def test_count() -> None:
    """Both kinds are counted."""
    item = Item(Need.FAILED, HostRef("a"), "a", "t", "x")
    assert str(count([item, item, replace(item, need=Need.HOST)])).endswith("1 waiting   2 failed")


def test_line() -> None:
    """Sign, age, host, title, text; what is stale says so."""
    item = Item(Need.QUESTION, HostRef("a"), "a", "A title", "Which?", NOW - 90, stale=True)
    text = str(line(item, NOW, Display(unicode=False)))
    assert text == "?   1m  a  A title  Which?  (not reached since)"


def test_about() -> None:
    """All of it, line by line."""
    item = Item(Need.FAILED, AT_ONE, "The host", "A title", "one\ntwo")
    assert str(about(item)) == "Failed: A title\nThe host  /srv/app\none\ntwo"


def test_about_a_permission() -> None:
    """It is on one line, with what "always" would allow."""
    ask = replace(FIRST, text="bash: ls\nrm", always=("ls *",))
    item = Item(Need.PERMISSION, AT_ONE, "The host", "A title", ask.text, ask=ask)
    assert str(about(item)).splitlines()[2:] == [r"bash: ls\nrm", "always: ls *"]
