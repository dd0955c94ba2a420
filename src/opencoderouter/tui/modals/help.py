"""All keys as they are mapped now, and all signs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from opencoderouter.core.fleet import status
from opencoderouter.core.fleet.keys import SECTIONS
from opencoderouter.core.fleet.preferences import Display
from opencoderouter.tui.keymap import key_name
from opencoderouter.tui.modals.dialog import Dialog, Hint

_MEANING = {
    status.Status.ACTIVE: "something happened a short time ago",
    status.Status.THINKING: "its server is at work on it",
    status.Status.WAITING: "waits for a permission or an answer",
    status.Status.IDLE: "nothing happened for a while",
    status.Status.ERRORED: "its last message failed",
    status.Status.COLD: "nothing happened for long",
    status.Status.ARCHIVED: "put away for good",
}
_WIDTH = 14


class Help(Dialog[None]):
    """Shows keys and signs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,enter,q", "close", "Close", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("down,j", "scroll(1)", "Down", show=False),
    ]
    DEFAULT_CSS = """
    Help {
        #body { max-height: 80vh; }
        .section { text-style: bold; color: $text-primary; margin-top: 1; }
    }
    """
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("up/down", "scroll", "screen.scroll(4)"),
        ("esc", "close", "screen.close"),
    )

    def __init__(self, keys: Mapping[str, tuple[str, ...]], look: Display) -> None:
        super().__init__("Help")
        self.keys = keys
        self.look = look

    def body(self) -> Iterator[Widget]:
        """Yield sections of keys, then the signs."""
        for section, actions in SECTIONS.items():
            yield Static(section, classes="section")
            yield Static(_table(_keys(actions, self.keys, self.look)))
        yield Static("Signs", classes="section")
        yield Static(_table(_signs(self.look)))

    def action_scroll(self, lines: int) -> None:
        """Scroll the text."""
        self.query_one("#body").scroll_relative(y=lines, animate=False)


def _keys(
    actions: Mapping[str, tuple[str, str]], keys: Mapping[str, tuple[str, ...]], display: Display
) -> Sequence[tuple[str, str]]:
    return [
        (
            " ".join(key_name(key, unicode=display.unicode) for key in keys.get(action, ())) or "-",
            effect,
        )
        for action, (_, effect) in actions.items()
    ]


def _signs(display: Display) -> Sequence[tuple[str, str]]:
    sessions = [
        (f"{status.sign(sign, display)} {state.upper()}", _MEANING[state])
        for state, sign in status.SESSIONS.items()
    ]
    hosts = [
        (status.sign(sign, display), f"host: {state.replace('_', ' ')}")
        for state, sign in status.HOSTS.items()
    ]
    return [*sessions, *hosts]


def _table(rows: Sequence[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(style="bold", no_wrap=True, width=_WIDTH)
    table.add_column()
    for left, right in rows:
        table.add_row(Text(left), Text(right))
    return table
