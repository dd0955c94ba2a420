"""The first line."""

from __future__ import annotations

from tests.rig.stage import stage

from opencoderouter.core.fleet.preferences import KEYS, Preferences


async def test_first_line() -> None:
    """It has the search, the figures and the countdown, at every width."""
    for size in ((140, 40), (80, 24), (60, 16)):
        async with stage(size=size) as seen:
            line = seen.text.splitlines()[0]
            assert "/ search" in line
            assert "20/24" in line
            assert line.rstrip().endswith("↻ 24s")


async def test_key_of_the_search() -> None:
    """The box says which key leads into it."""
    keys = {**KEYS, "search": ("ctrl+f",)}
    async with stage(preferences=Preferences(keybindings=keys)) as seen:
        assert "ctrl+f search" in seen.text
        await seen.press("ctrl+f")
        assert seen.main.typing
