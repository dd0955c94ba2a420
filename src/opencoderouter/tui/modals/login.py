"""The commands that let a host let us in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from opencoderouter.core.fleet.control import Foreground
from opencoderouter.tui.modals.dialog import Dialog, Hint, shown


class Login(Dialog[bool]):
    """Shows the commands in order; answers True when they are to be run here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,x", "run_here", "Run it here", show=False),
        Binding("y", "copy", "Copy", show=False),
    ]
    DEFAULT_CSS = """
    Login {
        #body { max-height: 75vh; }
        .command { color: $text-accent; padding: 0 2; margin: 1 0; }
    }
    """
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("enter", "run it here", "screen.run_here"),
        ("y", "copy", "screen.copy"),
        ("esc", "close", "screen.close"),
    )

    def __init__(self, host: str, reason: str, commands: Sequence[Foreground]) -> None:
        super().__init__(f"Log in to {host}")
        self.reason = reason
        self.commands = tuple(commands)

    def body(self) -> Iterator[Widget]:
        """Yield why, and the commands."""
        if self.reason:
            yield Static(shown(self.reason))
        order = "This command lets" if len(self.commands) == 1 else "These commands, in order, let"
        yield Static(f"{order} the host let us in:", classes="quiet")
        for command in self.commands:
            yield Static(shown(command.shown), classes="command")
        yield Static("Run here, the terminal is theirs until they end.", classes="quiet")

    def action_run_here(self) -> None:
        """Have them run."""
        self.finish(answer=True)

    def action_copy(self) -> None:
        """Copy them, one a line."""
        self.app.copy_to_clipboard("\n".join(command.shown for command in self.commands))
        self.notify("Copied.", markup=False)
