"""A question with a few answers."""

from __future__ import annotations

import pytest
from tests.rig.desk import EVIL, seat

from opencoderouter.core.fleet.preferences import Display, Preferences
from opencoderouter.tui.modals.choose import Choice, Choose

CHOICES = (Choice("n", "No"), Choice("y", "Yes", "It happens."), Choice("Y", "Yes, and more"))


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (["y"], "y"),
        (["Y"], "Y"),
        (["n"], "n"),
        (["enter"], "n"),
        (["down", "enter"], "y"),
        (["down", "down", "enter"], "Y"),
        (["escape"], None),
        (["x", "z", "escape"], None),
    ],
)
async def test_keys(keys: list[str], answer: str | None) -> None:
    """Each choice has its key; Enter takes the one that is stood on, at first the safe one."""
    async with seat() as at:
        answers = await at.show(Choose("Heading", "Shall it?", CHOICES))
        await at.press(*keys)
        assert answers == [answer]


@pytest.mark.parametrize(("text", "answer"), [("It happens.", "y"), ("choose", "n")])
async def test_mouse(text: str, answer: str) -> None:
    """A choice can be clicked, and so can the key that is shown for the selected one."""
    async with seat() as at:
        answers = await at.show(Choose("Heading", "Shall it?", CHOICES))
        await at.click(text)
        assert answers == [answer]


async def test_small_screen() -> None:
    """Question and all choices are there at 60 by 16."""
    async with seat(size=(60, 16)) as at:
        await at.show(Choose("Heading", "Shall it?\n" * 20, CHOICES))
        assert all(part in at.text for part in ("Shall it?", "No", "It happens.", "and more"))


async def test_text_of_others() -> None:
    """Question, labels and effects are text, whatever is in them."""
    plain = Preferences(display=Display(unicode=False))
    for choose in (
        Choose("Heading", EVIL, CHOICES),
        Choose("Heading", "", (Choice("n", EVIL),)),
        Choose("Heading", "", (Choice("n", "No", EVIL),)),
    ):
        async with seat(preferences=plain, size=(140, 40)) as at:
            await at.show(choose)
            assert at.harmless
