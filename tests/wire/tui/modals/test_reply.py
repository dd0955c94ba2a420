"""What an agent asks, and what a person answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.rig.desk import EVIL, seat
from textual.widgets import Input

from opencoderouter.core.fleet.model import Ask, Live, Question
from opencoderouter.core.fleet.preferences import Display, Preferences
from opencoderouter.tui.modals.reply import ALLOW, REJECT, AskQuestion, Permission

OPTIONS = (("red", "a warm one"), ("blue", "a cold one"), ("green", ""))
ONE = Question("Which colour?", "Colour", OPTIONS)
SEVERAL = Question("Which colours?", "", OPTIONS, multiple=True)
ASK = Ask(Live.PERMISSION, "per_1", "ses_1", "bash: make")
FREE = Question("What is it called?")


@pytest.mark.parametrize(
    ("key", "answer"), [("1", "once"), ("2", "always"), ("3", "reject"), ("enter", None)]
)
async def test_permission(key: str, answer: str | None) -> None:
    """All of what is to be allowed is shown; Enter at once allows nothing."""
    ask = replace(ASK, text="bash: make\n/srv/app/Makefile", always=("make *", "echo *"))
    async with seat(size=(60, 16)) as at:
        answers = await at.show(Permission("prod", "A title", ask))
        assert all(part in at.text for part in ("A title", "prod", r"bash: make\n/srv/app/Mak"))
        await at.press("pagedown")
        assert all(part in at.text for part in ("make *", "echo *", "Reject", "esc leave it"))
        await at.press(key)
        assert [ALLOW.get(one or "") for one in answers] == [answer]


@pytest.mark.parametrize("ways", [["1"], ["2"], ["down", "enter", "up"], ["Allow once"]])
@pytest.mark.parametrize(
    "text",
    [
        "ls" + " x" * 400 + "; rm -rf ~",
        "ls" + "\n" * 400 + "; rm -rf ~",
        "ls" + "\u00a0" * 400 + "; rm -rf ~",
    ],
)
async def test_nothing_is_allowed_unseen(ways: list[str], text: str) -> None:
    """Until the end has been on the screen, what would allow it scrolls on instead, and says so."""
    plain = Preferences(display=Display(unicode=False))
    async with seat(preferences=plain) as at:
        answers = await at.show(Permission("prod", "A title", replace(ASK, text=text)))
        for _ in range(100):
            assert ("rm -rf ~" in at.text) != ("pgdn more below" in at.text)
            if "rm -rf ~" in at.text:
                break
            await (at.click(ways[0]) if len(ways[0]) > 5 else at.press(*ways))
            assert answers == []
        await at.press("home", "1")
        assert answers == ["1"]


async def test_blanks_hide_nothing() -> None:
    """What stands behind many of them is on the screen at once."""
    async with seat() as at:
        text = f"ls{' ' * 3000}; rm -rf ~"
        await at.show(Permission("prod", "A title", replace(ASK, text=text)))
        assert "ls [3000 blanks] ; rm -rf ~" in at.text


@pytest.mark.parametrize("key", ["3", "n", "escape"])
async def test_unseen_it_can_be_left(key: str) -> None:
    """What allows nothing works at once."""
    async with seat() as at:
        answers = await at.show(Permission("prod", "A title", replace(ASK, text="x " * 5000)))
        await at.press(key)
        assert [ALLOW.get(one or "", "reject") for one in answers] == ["reject"]


@pytest.mark.parametrize(
    ("question", "keys", "answer"),
    [
        (ONE, ["2"], ("blue",)),
        (ONE, ["down", "enter"], ("blue",)),
        (ONE, ["tab", "o", "c", "h", "enter"], ("och",)),
        (ONE, ["9", "0", "ctrl+x"], REJECT),
        (ONE, ["ctrl+s", "escape"], None),
        (SEVERAL, ["3", "1", "ctrl+s"], ("red", "green")),
        (SEVERAL, ["1", "1", "2", "tab", "x", "enter"], ("blue", "x")),
        (FREE, ["f", "1", "enter"], ("f1",)),
    ],
)
async def test_questions(
    question: Question, keys: list[str], answer: tuple[str, ...] | None
) -> None:
    """Options go by number, several where they may, words of one's own always."""
    async with seat() as at:
        answers = await at.show(AskQuestion("Question 1 of 1", question))
        await at.press(*keys)
        assert answers == [answer]


async def test_what_is_chosen_is_marked() -> None:
    """Where several may be chosen, each shows whether it is."""
    async with seat(size=(60, 16)) as at:
        await at.show(AskQuestion("Question 1 of 1", SEVERAL))
        await at.press("2")
        assert "[ ] red" in at.text
        assert "[x] blue" in at.text


async def test_mouse() -> None:
    """An option can be clicked."""
    async with seat() as at:
        answers = await at.show(AskQuestion("Question 1 of 1", ONE))
        await at.click("a cold one")
        assert answers == [("blue",)]


async def test_text_of_others() -> None:
    """Questions, options and permissions are drawn as text; an answer is the very label."""
    plain = Preferences(display=Display(unicode=False))
    evil = Question(EVIL, EVIL, ((EVIL, EVIL),), multiple=True)
    async with seat(preferences=plain, size=(140, 40)) as at:
        await at.show(Permission(EVIL, EVIL, replace(ASK, text=EVIL, always=(EVIL,))))
        assert at.harmless
        await at.press("escape")
        answers = await at.show(AskQuestion(EVIL, evil))
        assert at.harmless
        at.bench.screen.query_one(Input).value = ""
        await at.press("1", "ctrl+s")
        assert answers == [(EVIL,)]
