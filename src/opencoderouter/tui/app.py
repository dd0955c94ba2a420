"""The program with a screen: what it shows, what it asks, and the clock that it goes by."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import CommandPalette, Provider
from textual.screen import Screen

from opencoderouter.core.fleet.control import Control
from opencoderouter.core.fleet.fleet import Fleet
from opencoderouter.core.fleet.preferences import Display, Preferences
from opencoderouter.core.printable import printable
from opencoderouter.tui.main import Main
from opencoderouter.tui.themes import OURS, Setting, Terminal, setting
from opencoderouter.watch import Watch

Clock = Callable[[], float]
_USUAL = Terminal()
_PAUSE = 0.25  # seconds between two drawings of a fleet that changes


def _palette() -> type[Provider]:
    from opencoderouter.tui.palette import Palette

    return Palette


class FleetApp(App[None]):
    """The fleet, drawn as it changes.

    ``problems`` are those of the preferences' file, ``clock`` gives seconds since the epoch,
    ``drawn`` is set when the first frame is there. ``failure`` is a defect that has ended it.
    """

    TITLE = "OpenCode fleet"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_palette}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
    ]
    CSS = """
    OptionList:focus { background-tint: $foreground 0%; }
    Toast { padding: 0 1; margin-top: 0; max-width: 70%; }
    .-plain Toast { border-left: ascii $border-blurred; }
    .-plain Toast.-warning { border-left: ascii $warning; }
    .-plain Toast.-error { border-left: ascii $error; }
    .-plain SearchIcon { display: none; }
    .-plain CommandPalette #--input { border: ascii $border-blurred; }
    .-plain CommandPalette CommandList { border: none; scrollbar-size-vertical: 0; }
    .-theme-minimal .input--cursor {
        background: ansi_default;
        color: ansi_default;
        text-style: reverse;
    }
    """

    def __init__(
        self,
        fleet: Watch[Fleet],
        control: Control,
        preferences: Watch[Preferences],
        *,
        problems: Watch[tuple[str, ...]],
        clock: Clock,
        terminal: Terminal = _USUAL,
    ) -> None:
        super().__init__(ansi_color=None if terminal.colour else True)
        self.drawn = asyncio.Event()
        self.failure: Exception | None = None
        self.fleet = fleet
        self.control = control
        self.preferences = preferences
        self.problems = problems
        self.clock = clock
        self._terminal = terminal
        for theme in OURS:
            self.register_theme(theme)
        self.setting = self._setting()
        self.main = Main(fleet.value, preferences.value, self.setting, clock)
        self._apply(self.setting)

    def get_default_screen(self) -> Screen[None]:
        """Return the tree with its panel."""
        return self.main

    def action_command_palette(self) -> None:
        """Show the palette."""
        if not isinstance(self.screen, CommandPalette):
            dots = "…" if self.setting.display.unicode else "..."
            _ = self.push_screen(CommandPalette(placeholder=f"Search for commands{dots}"))

    def _handle_exception(self, error: Exception) -> None:
        self.failure = self.failure or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End, and show no traceback: it would have the values of all variables."""
        self._close_messages_no_wait()

    def on_mount(self) -> None:
        """Follow what changes."""
        self.run_worker(self._follow_fleet())
        self.run_worker(self._follow_preferences())
        self.run_worker(self._follow_problems())
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        gc.freeze()  # all that was made until now stays
        gc.enable()
        self.drawn.set()

    def watch_theme(self, theme: str) -> None:
        """Draw with a theme that was chosen in the palette."""
        if theme != self.setting.theme:
            self._follow_display(replace(self.preferences.value.display, theme=theme))

    def _setting(self) -> Setting:
        return setting(self.preferences.value.display, self._terminal)

    def _follow_display(self, display: Display) -> None:
        self._apply(setting(display, self._terminal))
        self.main.prefer(self.preferences.value, self.setting)

    def _apply(self, now: Setting) -> None:
        self.setting = now
        self.theme = now.theme
        self.set_class(now.plain, "-plain")
        self.animation_level = "full" if now.display.animation else "none"

    async def _follow_fleet(self) -> None:
        async for fleet in self.fleet.follow():
            if fleet is not self.main.fleet:
                self.main.show(fleet)
                await asyncio.sleep(_PAUSE)  # what comes meanwhile is drawn together

    async def _follow_preferences(self) -> None:
        first = self.preferences.value
        async for preferences in self.preferences.follow():
            if preferences is not first:
                self._follow_display(preferences.display)

    async def _follow_problems(self) -> None:
        async for problems in self.problems.follow():
            for problem in problems:
                self.notify(printable(problem), severity="warning", markup=False)
