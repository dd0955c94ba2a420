"""The program: what it follows while it runs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

from tests.rig.stage import Stage, stage

from opencoderouter.core.fleet.fleet import Entry
from opencoderouter.core.fleet.model import HostSpec
from opencoderouter.core.fleet.preferences import KEYS, Display, Preferences, Sessions, SortBy


async def wait(seen: Stage, ready: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(20):
        while not ready():
            await seen.pilot.pause(0.02)


async def test_fleet() -> None:
    """A fleet that changes often is drawn now and then, the newest always."""
    async with stage() as seen:
        drawn = 0
        usual = seen.main.show

        def count(fleet: object) -> None:
            nonlocal drawn
            drawn += 1
            usual(fleet)  # type: ignore[arg-type]

        seen.main.show = count  # type: ignore[method-assign]
        fleet = seen.app.fleet.value
        for number in range(50):
            fleet = fleet.having(Entry(HostSpec(f"new{number}")))
            seen.app.fleet.set(fleet)
            await asyncio.sleep(0)
        await wait(seen, lambda: seen.main.fleet is fleet)
        assert drawn < 10
        await seen.settle()
        assert "/74 hosts" in seen.text


async def test_preferences() -> None:
    """Theme, keys, order and thresholds that change are followed."""
    async with stage() as seen:
        changed = Preferences(
            display=Display(theme="light", active_threshold=1, unicode=False),
            sessions=Sessions(SortBy.NAME),
            keybindings={**KEYS, "quit": ("x",)},
        )
        seen.app.preferences.set(changed)
        await wait(seen, lambda: seen.main.keymap.actions.get("x") == "quit")
        await seen.settle()
        assert seen.app.theme == "light"
        assert seen.text.isascii()
        assert "[by name]" in seen.text
        assert str(seen.main.forest.strip(1, 20)._segments[-1].style) != ""  # noqa: SLF001


async def test_theme_of_the_palette() -> None:
    """A theme that was chosen for now is drawn with, and the next change of the file ends it."""
    async with stage() as seen:
        seen.app.theme = "dracula"
        await seen.settle()
        assert str(seen.main.setting.look.ground) == "on #282a36"
        seen.app.preferences.set(replace(Preferences(), display=Display(theme="nightops")))
        await wait(seen, lambda: seen.app.theme == "nightops")


async def test_the_palette_asks_in_ascii() -> None:
    """Where there is no Unicode, its field has none either."""
    for unicode, asked in ((True, "Search for commands…"), (False, "Search for commands...")):
        async with stage(preferences=Preferences(display=Display(unicode=unicode))) as seen:
            await seen.press("ctrl+p")
            assert asked in seen.text


async def test_problems() -> None:
    """What is wrong with the preferences' file is told."""
    async with stage() as seen:
        seen.app.problems.set(("line 3: them\x1b is no key",))
        await wait(seen, lambda: bool(seen.toasts))
        assert seen.toasts == ["line 3: them\\x1b is no key"]


async def test_drawn() -> None:
    """It tells when the first frame is there."""
    async with stage() as seen:
        async with asyncio.timeout(20):
            await seen.app.drawn.wait()


async def test_animation() -> None:
    """Where nothing may move, nothing of Textual moves either."""
    async with stage(preferences=Preferences(display=Display(animation=False))) as seen:
        assert seen.app.animation_level == "none"


def test_what_it_loads() -> None:
    """Nothing of Textual that the first frame does not need."""
    script = "import sys, opencoderouter.tui.app; print(*sys.modules)"
    command = [sys.executable, "-c", script]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    unwanted = {"textual.widgets._markdown", "textual.widgets._text_area", "markdown_it", "yaml"}
    assert loaded & {*unwanted, "pygments", "fabric", "paramiko", "aiohttp"} == set()
