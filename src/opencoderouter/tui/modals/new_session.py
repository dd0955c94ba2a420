"""Where a new session is made, and what it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from opencoderouter.core.fleet.commands import is_place
from opencoderouter.core.printable import printable
from opencoderouter.tui.modals.dialog import Dialog, Hint


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was filled in. ``agent`` and ``prompt`` may be empty."""

    directory: str
    agent: str = ""
    prompt: str = ""


class NewSession(Dialog[Wanted]):
    """Asks for directory, agent and prompt.

    ``directories`` and ``agents`` are known there; the first directory is filled in. They complete
    what is typed, and up and down go through them.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "submit", "Make it", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    NewSession {
        TextArea { height: 5; padding: 0; }
        .wrong { height: 1; padding: 0 1; }
        &.-low TextArea { height: 4; }
        #keys { margin-top: 0; }
    }
    """
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("ctrl+s", "make it", "screen.submit"),
        ("tab", "next field", "app.focus_next"),
        ("up/down", "known ones", "screen.known"),
        ("esc", "close", "screen.close"),
    )

    def __init__(self, host: str, directories: Sequence[str], agents: Sequence[str]) -> None:
        super().__init__(f"New session on {host}")
        # Text of others is typed into as it is shown, and stands for what it is.
        self.directories = {printable(directory): directory for directory in directories}
        self.agents = {printable(agent): agent for agent in agents}

    def controls(self) -> Iterator[Widget]:
        """Yield the fields."""
        preset = next(iter(self.directories), "")
        yield Static("Directory on the host", classes="quiet")
        yield Input(preset, id="directory", suggester=_completing(self.directories))
        yield Static("Agent, or nothing for the usual one", classes="quiet")
        yield Input(id="agent", suggester=_completing(self.agents))
        yield Static("Prompt; without one you are attached to the session", classes="quiet")
        yield TextArea(id="prompt", tab_behavior="focus", show_line_numbers=False)
        yield Static("", classes="wrong")

    def on_mount(self) -> None:
        """Begin with what is most often typed."""
        super().on_mount()
        self.query_one("#directory" if not self.directories else "#prompt").focus()

    def on_key(self, event: events.Key) -> None:
        """Go through what is known with the arrows."""
        if event.key in ("up", "down") and isinstance(self.focused, Input):
            event.stop()
            self.action_known(1 if event.key == "down" else -1)

    def action_known(self, step: int = 1) -> None:
        """Fill in the next of what is known."""
        field = self.focused
        if isinstance(field, Input):
            known = list(self.directories if field.id == "directory" else self.agents)
            at = known.index(field.value) + step if field.value in known else min(step, 0)
            field.value = known[at % len(known)] if known else field.value

    @on(Input.Submitted)
    def action_submit(self) -> None:
        """Answer, if there is a directory."""
        shown = self.query_one("#directory", Input).value.strip()
        directory = self.directories.get(shown, shown)
        if not is_place(directory):
            self.query_one(".wrong", Static).update("A directory begins with / or ~/")
            return
        agent = self.query_one("#agent", Input).value.strip()
        prompt = self.query_one("#prompt", TextArea).text.strip()
        self.finish(Wanted(directory, self.agents.get(agent, agent), prompt))


def _completing(known: dict[str, str]) -> SuggestFromList:
    return SuggestFromList(known, case_sensitive=True)
