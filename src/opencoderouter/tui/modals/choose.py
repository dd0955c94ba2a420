"""One question with a few answers; what each of them does stands below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from opencoderouter.core.printable import printable
from opencoderouter.tui.modals.dialog import Dialog, Hint, shown


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer: the key for it, its words, and what it brings about."""

    key: str
    label: str
    effect: str = ""

    def line(self) -> Content:
        """Return how it stands in the list."""
        first = Content.assemble((f"{self.key}  ", "bold $text-accent"), printable(self.label))
        effect = Content(f"\n   {printable(self.effect)}").stylize("dim")
        return first + effect if self.effect else first


class Choose(Dialog[str]):
    """Answers with the key of a choice. The first choice is where Enter goes: the safe one."""

    DEFAULT_CSS = """
    Choose OptionList {
        max-height: 45vh;
        margin-top: 1;
        background: $surface;
        &.-textual-compact { padding: 0 1; }
    }
    """
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("enter", "choose", "screen.choose"),
        ("esc", "leave it", "screen.close"),
    )

    def __init__(self, heading: str, text: str, choices: Sequence[Choice]) -> None:
        super().__init__(heading)
        self.text = text
        self.choices = tuple(choices)

    def body(self) -> Iterator[Widget]:
        """Yield the question."""
        yield Static(shown(self.text))

    def controls(self) -> Iterator[Widget]:
        """Yield the answers."""
        lines = (Option(choice.line(), id=choice.key) for choice in self.choices)
        yield OptionList(*lines, compact=True)

    def on_mount(self) -> None:
        """Stand on the first choice."""
        super().on_mount()
        self.query_one(OptionList).highlighted = 0

    def on_key(self, event: events.Key) -> None:
        """Take the key of a choice."""
        if any(event.character == choice.key for choice in self.choices):
            event.stop()
            self.finish(event.character)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take the choice that was clicked or entered."""
        self.finish(event.option_id)

    def action_choose(self) -> None:
        """Take the choice that is stood on."""
        self.query_one(OptionList).action_select()
