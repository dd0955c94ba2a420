"""What all small screens have in common."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.rig.desk import EVIL, seat
from textual.widget import Widget
from textual.widgets import Static

from opencoderouter.core.fleet.preferences import Display, Preferences
from opencoderouter.tui.modals.dialog import Dialog, shown

PLAIN = (Display(unicode=False), Display(theme="minimal"))


class Long(Dialog[str]):
    """A dialog with more text than fits."""

    def body(self) -> Iterator[Widget]:
        """Yield thirty lines."""
        yield Static("\n".join(f"line {number}" for number in range(30)))


@pytest.mark.parametrize("key", ["escape", "click"])
async def test_closes_without_an_answer(key: str) -> None:
    """Esc closes it, and so does a click on the word."""
    async with seat() as at:
        answers = await at.show(Long("Heading"))
        assert at.over == "Long"
        await (at.click("close") if key == "click" else at.press(key))
        assert (at.over, answers) == ("Table", [None])


async def test_scrolls() -> None:
    """Page keys scroll what does not fit, to the end and back; the keys say that there is more."""
    async with seat(size=(60, 16)) as at:
        await at.show(Long("Heading"))
        assert "line 0" in at.text
        assert "pgdn more below" in at.text
        await at.press(*["pagedown"] * 5)
        assert "line 29" in at.text
        assert "more below" not in at.text
        await at.press(*["pageup"] * 5)
        assert "line 0" in at.text
        await at.click("more below")
        assert "line 0" not in at.text


@pytest.mark.parametrize("display", PLAIN)
async def test_plain(display: Display) -> None:
    """Without Unicode, and in the minimal theme, boxes are made of ASCII."""
    async with seat(preferences=Preferences(display=display)) as at:
        await at.show(Long("Heading"))
        assert at.text.isascii()
        assert "+- Heading -" in at.text


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (140, 40)])
async def test_fits(size: tuple[int, int]) -> None:
    """Heading, text and keys are on the screen whatever its size."""
    async with seat(size=size) as at:
        await at.show(Long("Heading"))
        assert "Heading" in at.text
        assert "esc close" in at.text


async def test_headings_are_text() -> None:
    """What others wrote into a heading is not obeyed."""
    async with seat(preferences=Preferences(display=PLAIN[0]), size=(140, 40)) as at:
        await at.show(Dialog(EVIL[:70]))
        assert "[b]bold[/b]" in at.text


def test_shown() -> None:
    """Lines stay lines; all else that moves a cursor is escaped; markup stays as it is."""
    assert shown("a\n[b]b[/b]\x1b[0m\r\nc\u202e").plain == "a\n[b]b[/b]\\x1b[0m\nc\\u202e"
