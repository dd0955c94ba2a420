"""The whole screen of `ocr` with a fleet that is made up, and somebody who presses its keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from string import ascii_letters

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from tests.fakes_fleet import FakeControl
from tests.rig.roster import NOW, made_up
from textual.events import Key
from textual.keys import key_to_character
from textual.pilot import Pilot

from opencoderouter.core.fleet.branch import Row
from opencoderouter.core.fleet.fleet import Fleet
from opencoderouter.core.fleet.preferences import Preferences
from opencoderouter.tui.app import FleetApp
from opencoderouter.tui.main import Main
from opencoderouter.tui.themes import Terminal
from opencoderouter.watch import Watch

_ROUNDS = 6  # messages that one brings about, one after the other


@dataclass
class Clock:
    """A clock that a test sets."""

    now: float = NOW

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass
class Stage:
    """What a test does with the screen, and what it sees of it."""

    app: FleetApp
    pilot: Pilot[None]
    control: FakeControl
    clock: Clock

    @property
    def main(self) -> Main:
        """Return the screen of the tree."""
        return self.app.main

    async def press(self, *keys: str) -> None:
        """Press keys, each when nothing happens any more because of the last one."""
        for key in keys:
            self.app.post_message(Key(key, key_to_character(key)))
            await self.settle()

    async def settle(self) -> None:
        """Wait until what was begun is done, and draw.

        The pilot's own way is to wait until the processor is idle, which takes ten times as long.
        """
        for _ in range(2):  # what is done after a drawing is drawn, too
            for _ in range(_ROUNDS):
                await self.pilot._wait_for_screen()  # noqa: SLF001 - see above
            self.app.screen._on_timer_update()  # noqa: SLF001 - as the pilot does: draw now

    async def show(self, fleet: Fleet) -> None:
        """Have another fleet drawn."""
        self.main.show(fleet)
        await self.settle()

    async def click(self, text: str, *, times: int = 1) -> None:
        """Click on the first place where a text is drawn."""
        rows = self.text.splitlines()
        row = next(at for at, line in enumerate(rows) if text in line)
        cells = cell_len(rows[row].partition(text)[0])
        await self.pilot.click(offset=(cells, row), times=times)
        await self.settle()

    @property
    def lines(self) -> list[list[Segment]]:
        """Return what is drawn: pieces with their styles."""
        screen = self.app.screen
        strips = screen._compositor.render_strips()  # noqa: SLF001 - what is drawn, as text
        return [list(strip.crop(0, screen.size.width)) for strip in strips[: screen.size.height]]

    @property
    def text(self) -> str:
        """Return what is drawn, line by line."""
        return "\n".join("".join(one.text for one in line) for line in self.lines)

    @property
    def row(self) -> Row:
        """Return the selected row."""
        assert self.main.row is not None
        return self.main.row

    def kind(self) -> str:
        """Return the name of what the selected row is about: ``SessionRef``."""
        return type(self.row.place).__name__

    def is_open(self) -> bool | None:
        """Tell whether the selected row is open."""
        return self.row.is_open

    def types(self) -> bool:
        """Tell whether somebody types into the search."""
        return self.main.typing

    def panel(self) -> bool:
        """Tell whether the panel is shown."""
        return bool(self.main.panel.display)

    @property
    def name(self) -> str:
        """Return what the selected row is called."""
        row = self.row
        return row.known.session.title if row.known is not None else row.name

    @property
    def toasts(self) -> list[str]:
        """Return what the toasts say."""
        return [one.message for one in self.app._notifications]  # noqa: SLF001 - not public


@asynccontextmanager
async def stage(
    fleet: Fleet | None = None,
    *,
    size: tuple[int, int] = (120, 34),
    preferences: Preferences | None = None,
    terminal: Terminal | None = None,
    answers: dict[str, object] | None = None,
) -> AsyncIterator[Stage]:
    """Show a fleet of 24 hosts, if no other is given."""
    control, clock = FakeControl(answers=answers or {}), Clock()
    app = FleetApp(
        Watch(fleet or made_up(24, 300)),
        control,
        Watch(preferences or Preferences()),
        problems=Watch(()),
        clock=clock,
        terminal=terminal or Terminal(),
    )
    async with app.run_test(size=size, notifications=True) as pilot:
        result = Stage(app, pilot, control, clock)
        if (spinner := app.main.forest._spinner) is not None:  # noqa: SLF001
            spinner.stop()  # a test turns them, or nobody
        app.main.forest.pen = replace(app.main.forest.pen, frame=0)
        app.main.draw()
        await result.settle()
        yield result


def frame(lines: list[list[Segment]]) -> str:
    """Return a frame to read and to compare: its text, a letter for each cell's style, a legend."""
    text, styles, legend = [], [], dict[str, str]()
    for line in lines:
        text.append("".join(one.text for one in line).rstrip())
        letters = [_letter(one.style, legend) * cell_len(one.text) for one in line]
        styles.append("".join(letters))
    named = [f"{letter} {style}" for style, letter in legend.items()]
    return "\n".join([*text, "", *styles, "", *named, ""])


def _letter(style: Style | None, legend: dict[str, str]) -> str:
    plain = str((style or Style()).without_color + Style.from_color(*_colours(style)))
    return legend.setdefault(plain, ascii_letters[len(legend)])


def _colours(style: Style | None) -> tuple[Color | None, Color | None]:
    return (style.color, style.bgcolor) if style is not None else (None, None)
