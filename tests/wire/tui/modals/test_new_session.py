"""Where a new session is made, and what it is told."""

from __future__ import annotations

import pytest
from tests.rig.desk import EVIL, seat
from textual.widgets import Input, TextArea

from opencoderouter.core.fleet.preferences import Display, Preferences
from opencoderouter.tui.modals.new_session import NewSession, Wanted

KNOWN = ("/srv/app", "/srv/app/web", "/srv/tools")


def dialog(*directories: str) -> NewSession:
    """Return the dialog with directories that are known."""
    return NewSession("prod", directories or KNOWN, ("build", "plan"))


async def test_the_selected_directory_is_filled_in() -> None:
    """What is typed first is the prompt, and ctrl+s makes the session."""
    async with seat() as at:
        answers = await at.show(dialog())
        await at.press("h", "i", "enter", "y", "o", "u", "ctrl+s")
        assert answers == [Wanted("/srv/app", "", "hi\nyou")]


@pytest.mark.parametrize("how", ["enter", "click"])
async def test_all_fields(how: str) -> None:
    """Enter in a one-line field makes it, too, and so does a click on the words."""
    async with seat() as at:
        answers = await at.show(dialog())
        at.bench.screen.query_one("#prompt", TextArea).text = "  Do it\n now \n"
        at.bench.screen.query_one("#agent", Input).value = " plan "
        at.bench.screen.query_one("#directory", Input).value = " ~/new "
        at.bench.screen.query_one("#agent").focus()
        await (at.press("enter") if how == "enter" else at.click("make it"))
        assert answers == [Wanted("~/new", "plan", "Do it\n now")]


async def test_completion() -> None:
    """What is known of the host completes what is typed."""
    async with seat() as at:
        answers = await at.show(dialog())
        at.bench.screen.query_one("#directory", Input).value = ""
        at.bench.screen.query_one("#directory").focus()
        await at.type("/srv/t")
        await at.press("right", "enter")
        assert answers == [Wanted("/srv/tools")]


@pytest.mark.parametrize(
    ("keys", "directory"),
    [(["down"], KNOWN[1]), (["down", "down", "down"], KNOWN[0]), (["up"], KNOWN[2])],
)
async def test_arrows_go_through_what_is_known(keys: list[str], directory: str) -> None:
    """Up and down, around the ends."""
    async with seat() as at:
        answers = await at.show(dialog())
        at.bench.screen.query_one("#directory").focus()
        await at.press(*keys, "ctrl+s")
        assert answers == [Wanted(directory)]


async def test_agents_that_are_known() -> None:
    """The arrows offer agents in their field, beginning with the first or the last."""
    async with seat() as at:
        answers = await at.show(dialog())
        at.bench.screen.query_one("#agent").focus()
        await at.press("down", "down", "ctrl+s")
        assert answers == [Wanted("/srv/app", "plan")]


@pytest.mark.parametrize("directory", ["", "srv/app", "-rf", "~other/x"])
async def test_no_directory(directory: str) -> None:
    """What is no absolute path and not below the home is refused, and why is said."""
    async with seat() as at:
        answers = await at.show(dialog())
        at.bench.screen.query_one("#directory", Input).value = directory
        await at.press("ctrl+s")
        assert answers == []
        assert "begins with / or ~/" in at.text
        await at.press("escape")
        assert answers == [None]


async def test_nothing_known() -> None:
    """Where nothing is known, the directory is what is typed first; arrows do nothing."""
    async with seat() as at:
        answers = await at.show(NewSession("prod", (), ()))
        await at.press("down")
        await at.type("/x")
        await at.press("enter")
        assert answers == [Wanted("/x")]


async def test_text_of_others() -> None:
    """An odd directory is drawn harmlessly, and is still the very directory that was meant."""
    plain = Preferences(display=Display(unicode=False))
    async with seat(preferences=plain, size=(140, 40)) as at:
        answers = await at.show(dialog(f"/{EVIL}"))
        assert at.text.isascii()
        assert r"\x1b]52" in at.text
        await at.press("ctrl+s")
        assert answers == [Wanted(f"/{EVIL}")]


@pytest.mark.parametrize("size", [(60, 16), (80, 24)])
async def test_fits(size: tuple[int, int]) -> None:
    """All fields and keys are on the screen."""
    async with seat(size=size) as at:
        await at.show(dialog())
        assert all(word in at.text for word in ("Directory", "/srv/app", "Agent", "Prompt", "esc"))
