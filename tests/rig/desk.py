"""A screen with one selected row and no tree: what deeds are done from, in tests of deeds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeVar

from rich.cells import cell_len
from tests.fakes_fleet import FakeControl
from textual.app import App, ComposeResult
from textual.events import Key
from textual.keys import key_to_character
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from opencoderouter.core.fleet.control import Foreground
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import (
    HostSpec,
    HostState,
    Report,
    Session,
    SessionRef,
    Target,
)
from opencoderouter.core.fleet.preferences import KEYS, Preferences
from opencoderouter.core.fleet.refs import Place
from opencoderouter.tui.doing import Doing
from opencoderouter.tui.modals.dialog import Dialog
from opencoderouter.tui.palette import Palette
from opencoderouter.tui.terminal import Ended
from opencoderouter.tui.themes import Terminal, setting
from opencoderouter.watch import Watch

T = TypeVar("T")
_ROUNDS = 6
# What others may call things: quotes, substitutions, markup, sequences for the terminal, lines.
EVIL = "x'\"$(id)`id`[b]bold[/b][@click=app.quit]go[/]\x1b]52;c;QQ==\x07\x1b[31m\nline \u202e end"
NOW = 1_000_000.0
ONE = Session("ses_1", "Fix the login page", "/srv/app", agent="build", updated=NOW - 60)
TWO = Session("ses_2", "Tidy up", "/srv/tools", agent="plan", updated=NOW - 3600)
AT_ONE = SessionRef("prod", "ses_1", "/srv/app")
AT_TWO = SessionRef("prod", "ses_2", "/srv/tools")


def entry(
    *sessions: Session, alias: str = "prod", label: str = "", report: Report | None = None
) -> Entry:
    """Return a host that was reached, or that has another report."""
    given = report or Report(HostState.ONLINE, NOW, sessions=sessions)
    good = given if given.reached else None
    return Entry(HostSpec(alias, label=label), report=given, good=good)


def fleet_of(*entries: Entry) -> Fleet:
    """Return a fleet."""
    return Fleet({one.host.alias: one for one in entries})


class Table(Doing):
    """The screen. ``target`` and ``marked`` are what a test says; lending is written down."""

    def __init__(self) -> None:
        super().__init__()
        self.selected: Place | None = AT_ONE
        self.marks: tuple[SessionRef, ...] = ()
        self.revealed: list[Target] = []
        self.lent_to: list[Foreground] = []
        self.ending = Ended(0)
        self.opened: list[str] = []
        self.browser = True

    @property
    def target(self) -> Place | None:
        """Return what a test has selected."""
        return self.selected

    @property
    def marked(self) -> tuple[SessionRef, ...]:
        """Return what a test has marked."""
        return self.marks

    def unmark(self) -> None:
        """Mark nothing."""
        self.marks = ()

    def reveal(self, target: Target) -> None:
        """Write it down."""
        self.revealed.append(target)

    async def lent(self, program: Foreground) -> Ended:
        """Write it down; end as a test has said."""
        self.lent_to.append(program)
        return self.ending

    def open_page(self, url: str) -> bool:
        """Write it down."""
        self.opened.append(url)
        return self.browser

    def compose(self) -> ComposeResult:
        """Show a word."""
        yield Static("rows")

    async def on_key(self, event: Key) -> None:
        """Run the action that a key has by default."""
        actions = {key: action for action, keys in KEYS.items() for key in keys}
        if event.key in actions:
            event.stop()
            event.prevent_default()
            await self.run_action(actions[event.key])


class Bench(App[None]):
    """A program with that screen."""

    COMMANDS: ClassVar = {Palette}

    def __init__(self, control: FakeControl, fleet: Fleet, preferences: Preferences) -> None:
        super().__init__()
        self.control = control
        self.fleet = Watch(fleet)
        self.preferences = Watch(preferences)
        self.setting = setting(preferences.display, Terminal())
        self.copied: list[str] = []
        self.table = Table()

    def clock(self) -> float:
        """Return the time of all tests."""
        return NOW

    def get_default_screen(self) -> Screen[None]:
        """Return the screen."""
        return self.table

    def copy_to_clipboard(self, text: str) -> None:
        """Write it down."""
        self.copied.append(text)


@dataclass
class Seat:
    """Somebody who sits there: presses keys, and reads what is on the screen."""

    pilot: Pilot[None]
    bench: Bench
    control: FakeControl
    table: Table = field(init=False)

    def __post_init__(self) -> None:
        self.table = self.bench.table

    async def press(self, *keys: str) -> None:
        """Press keys, each when nothing happens any more because of the last one."""
        for key in keys:
            self.bench.post_message(Key(key, key_to_character(key)))
            await self.settle()

    async def show(self, dialog: Dialog[T]) -> list[T | None]:
        """Show a dialog; return the list that gets its answer."""
        answers: list[T | None] = []
        _ = self.bench.push_screen(dialog, answers.append)
        await self.settle()
        return answers

    async def click(self, text: str) -> None:
        """Click on the first place where a text is drawn."""
        rows = self.text.splitlines()
        row = next(at for at, line in enumerate(rows) if text in line)
        await self.pilot.click(offset=(cell_len(rows[row].partition(text)[0]), row))
        await self.settle()

    async def settle(self) -> None:
        """Wait until all that was begun is done, or waits for a person.

        What one message brings about is done after as many rounds as it is messages deep. The
        pilot's own way is to wait until the processor is idle, which takes ten times as long.
        """
        for _ in range(_ROUNDS):
            await self.pilot._wait_for_screen()  # noqa: SLF001 - see above
        self.bench.screen._on_timer_update()  # noqa: SLF001 - as the pilot does: draw now

    async def type(self, text: str) -> None:
        """Type text into what has the focus."""
        await self.press(*text)

    @property
    def over(self) -> str:
        """Return the name of the screen on top."""
        return type(self.bench.screen).__name__

    @property
    def text(self) -> str:
        """Return all that is drawn, line by line."""
        screen = self.bench.screen
        width, height = screen.size
        strips = screen._compositor.render_strips()  # noqa: SLF001 - what is drawn, as text
        return "\n".join(strip.crop(0, width).text for strip in strips[:height])

    @property
    def toasts(self) -> list[str]:
        """Return what the toasts say."""
        return [one.message for one in self.bench._notifications]  # noqa: SLF001 - not public

    @property
    def harmless(self) -> bool:
        """Tell whether ``EVIL`` is drawn as text, and nothing of it was obeyed."""
        text = self.text
        return text.isascii() and "[b]bold[/b][@click" in text and r"\x1b]52" in text

    def lose(self, ref: SessionRef) -> None:
        """Have a session vanish from its host."""
        fleet = self.bench.fleet.value
        host = fleet.entries[ref.alias]
        assert host.report is not None
        left = tuple(one for one in host.sessions if one.id != ref.id)
        report = replace(host.report, sessions=left)
        self.bench.fleet.set(fleet.having(replace(host, report=report, good=report)))


@asynccontextmanager
async def seat(
    *entries: Entry,
    preferences: Preferences | None = None,
    size: tuple[int, int] = (80, 24),
    answers: dict[str, object] | None = None,
) -> AsyncIterator[Seat]:
    """Sit down before a fleet: the host ``prod`` with two sessions, if no other is given."""
    fleet = fleet_of(*(entries or (entry(ONE, TWO),)))
    control = FakeControl(answers=answers or {})
    bench = Bench(control, fleet, preferences or Preferences())
    async with bench.run_test(size=size, notifications=True) as pilot:
        yield Seat(pilot, bench, control)


def calls(control: FakeControl) -> Sequence[object]:
    """Return the names of what was asked."""
    return [call[0] for call in control.calls]
