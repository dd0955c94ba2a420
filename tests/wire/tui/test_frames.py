"""Each theme at three sizes, as it is drawn. ``OCR_FRAMES=write`` writes them anew, to be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.rig.stage import Stage, frame, stage

from opencoderouter.core.fleet.model import ProjectRef
from opencoderouter.core.fleet.preferences import Display, Preferences
from opencoderouter.tui.themes import Terminal

FRAMES = Path(__file__).parent / "frames"
SIZES = ((60, 16), (80, 24), (140, 40))


def check(name: str, shown: str) -> None:
    """Compare a frame with the one that was read last."""
    path = FRAMES / f"{name}.txt"
    if os.environ.get("OCR_FRAMES") == "write":
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")


async def arranged(seen: Stage) -> None:
    """Open two projects, mark a session, and go to one that waits."""
    main = seen.main
    main.reveal(ProjectRef("prod-api-00", "/home/dev/work/storefront"))
    main.change(main.view.opened(ProjectRef("prod-api-00", "/home/dev/work/storefront")))
    facts = main.rows.facts("prod-api-00")
    assert facts is not None
    place = next(
        known.ref
        for project in facts.projects
        for known in project.sessions
        if known.status == "errored"
    )
    main.reveal(place)
    await seen.press("m")
    main.reveal(place)
    await seen.settle()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "{}x{}".format(*size))
@pytest.mark.parametrize("theme", ["nightops", "light", "minimal", "gruvbox"])
async def test_theme(theme: str, size: tuple[int, int]) -> None:
    """A theme looks as it did when somebody looked at it last."""
    preferences = Preferences(display=Display(theme=theme))
    async with stage(size=size, preferences=preferences) as seen:
        await arranged(seen)
        check(f"{theme}-{size[0]}x{size[1]}", frame(seen.lines))


async def test_no_colour() -> None:
    """NO_COLOR leaves the signs and takes all colours; what is selected is still seen."""
    async with stage(size=(80, 24), terminal=Terminal(colour=False)) as seen:
        await arranged(seen)
        styles = [one.style for line in seen.lines for one in line if one.style is not None]
        assert "🔴" in seen.text
        assert any(style.reverse for style in styles)
        colours = (colour for style in styles for colour in (style.color, style.bgcolor))
        assert all(colour is None or colour.is_default for colour in colours)


async def test_minimal_is_ascii() -> None:
    """The theme for old terminals has nothing but ASCII, and no colour, also in a search."""
    preferences = Preferences(display=Display(theme="minimal"))
    async with stage(size=(140, 40), preferences=preferences) as seen:
        await arranged(seen)
        seen.main.warn("Something is wrong.")
        seen.main.say("Something is right.")
        await seen.press("slash", "l", "o")
        assert "Something is wrong." in seen.text
        assert seen.text.isascii()
        styles = [one.style for line in seen.lines for one in line if one.style is not None]
        colours = (colour for style in styles for colour in (style.color, style.bgcolor))
        assert all(colour is None or colour.is_default for colour in colours)


async def test_minimal_shows_what_is_chosen() -> None:
    """Without colours the choice that Enter takes is seen, too."""
    preferences = Preferences(display=Display(theme="minimal"))
    async with stage(size=(80, 24), preferences=preferences) as seen:
        await arranged(seen)
        await seen.press("m", "d")
        styles = {one.text.strip(): one.style for line in seen.lines for one in line}
        chosen, other = styles["Leave it"], styles["Archive the session"]
        assert chosen is not None
        assert other is not None
        assert chosen.underline
        assert not other.underline
