"""The tree as it is drawn: spinners, the selected row, the wheel."""

from __future__ import annotations

from tests.rig.roster import made_up, quiet
from tests.rig.stage import stage

from opencoderouter.core.fleet.preferences import Display, Preferences


async def test_spinner_turns() -> None:
    """A frame later all visible spinners have turned, and nothing else has changed."""
    async with stage() as seen:
        before = seen.text
        seen.main.forest._turn()  # noqa: SLF001 - what the clock does
        await seen.settle()
        assert "⠙" in seen.text
        figures = before.splitlines()[0]
        assert seen.text.splitlines()[0] == figures
        changed = sum(one != two for one, two in zip(before, seen.text, strict=True))
        assert changed == before.count("⠋") - figures.count("⠋") - panel_spinners(before)


def panel_spinners(text: str) -> int:
    """Return how many spinners the panel has, which do not turn."""
    return sum(line.partition("▏")[2].count("⠋") for line in text.splitlines()[1:])


async def test_spinner_stops() -> None:
    """Where nothing that can be seen thinks, or nothing may move, no clock runs."""
    still = Preferences(display=Display(animation=False))
    for fleet, preferences in ((quiet(made_up(24, 300)), None), (made_up(24, 300), still)):
        async with stage(fleet, preferences=preferences) as seen:
            forest = seen.main.forest
            frame = forest.pen.frame
            forest._turn()  # noqa: SLF001
            forest._turn()  # noqa: SLF001
            assert forest.pen.frame == frame


async def test_wheel() -> None:
    """The wheel scrolls and selects nothing; the next key brings the selected row into view."""
    async with stage() as seen:
        forest = seen.main.forest
        forest.scroll_lines(3)
        await seen.settle()
        assert (forest.top, forest.cursor) == (3, 0)
        await seen.press("down")
        assert forest.top <= 1


async def test_keyboard_is_seen() -> None:
    """The selected row looks otherwise while somebody types into the search."""
    async with stage() as seen:
        forest = seen.main.forest
        here = forest.strip(0, 60)
        await seen.press("slash")
        assert [one.style for one in forest.strip(0, 60)] != [one.style for one in here]
        assert forest.strip(0, 60).text == here.text


async def test_only_what_is_seen_is_drawn() -> None:
    """5,000 rows cost no more to draw than fit on the screen."""
    async with stage(made_up(200, 5000)) as seen:
        drawn = []
        usual = seen.main.forest.strip
        seen.main.forest.strip = lambda at, cells: drawn.append(at) or usual(at, cells)  # type: ignore[method-assign,func-returns-value]
        seen.main.forest.refresh()
        await seen.settle()
        assert 0 < len(drawn) <= 34
