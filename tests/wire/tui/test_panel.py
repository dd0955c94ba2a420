"""The panel beside the tree."""

from __future__ import annotations

from tests.rig.stage import stage

from opencoderouter.core.fleet.control import Detail, Message
from opencoderouter.core.fleet.inspect import Part
from opencoderouter.core.fleet.status import Role

LONG = " ".join(["word"] * 40)


async def test_wraps() -> None:
    """A long value goes on below itself, a heading has a line above it."""
    async with stage() as seen:
        panel = seen.main.panel
        panel.show(
            (
                Part((("Title", Role.STRONG),), heading=True),
                Part(((LONG, Role.TEXT),), "label"),
                Part((("Next", Role.STRONG),), heading=True),
            )
        )
        drawn = [panel.strip(at, 50).text.rstrip() for at in range(panel.count)]
        assert drawn[0] == " Title"
        assert drawn[1].startswith(" label      word word")
        assert drawn[2].startswith("            word word")
        assert drawn[-2:] == ["", " Next"]


async def test_scrolls() -> None:
    """Keys scroll it; another row begins at the top."""
    detail = Detail((Message("user", LONG * 20),))
    async with stage(answers={"detail": detail}) as seen:
        await seen.press("down", "down", "space", "down")
        panel = seen.main.panel
        panel.show(tuple(Part((("line", Role.TEXT),)) for _ in range(90)))
        await seen.press("J")
        assert panel.top == 5
        await seen.press("shift+up")
        assert panel.top == 0
        await seen.press("J", "down")
        assert panel.top == 0
