"""The last line."""

from __future__ import annotations

from tests.rig.stage import stage


async def test_fits() -> None:
    """As many keys as there is room for, whole ones, and which row it is."""
    for cells in (60, 80, 140):
        async with stage(size=(cells, 24)) as seen:
            line = seen.text.splitlines()[-1]
            assert line.startswith(" ⏎ close  / search")
            assert line.endswith("1/166 ")
            assert ("panel" in line) == (cells == 140)


async def test_while_typing() -> None:
    """While somebody types it says what leaves the box."""
    async with stage() as seen:
        await seen.press("slash")
        assert seen.text.splitlines()[-1].startswith(" esc clear")


async def test_click() -> None:
    """A click on a key does what the key does; beside them nothing."""
    async with stage() as seen:
        await seen.click("refresh")
        assert seen.control.refreshed == [None]
        await seen.click("1/166")
        assert seen.control.refreshed == [None]
