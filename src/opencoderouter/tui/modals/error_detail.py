"""What went wrong, in full, and what mends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from opencoderouter.core.fleet.control import Failed
from opencoderouter.tui.modals.dialog import Dialog, Hint, shown


class ErrorDetail(Dialog[None]):
    """Shows failures, the newest first; all text can be copied."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy", show=False),
        Binding("enter", "close", "Close", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("down,j", "scroll(1)", "Down", show=False),
    ]
    DEFAULT_CSS = """
    ErrorDetail {
        #body { max-height: 75vh; }
        .summary { color: $text-error; text-style: bold; }
        .detail { margin: 1 0 0 0; }
        .mend { margin: 1 0 0 0; }
        .commands { color: $text-accent; padding: 0 2; }
        .next { margin: 1 0 0 0; }
    }
    """
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("y", "copy", "screen.copy"),
        ("esc", "close", "screen.close"),
    )

    def __init__(self, failures: Sequence[Failed]) -> None:
        super().__init__("Error" if len(failures) == 1 else "Errors")
        self.failures = tuple(failures)

    def body(self) -> Iterator[Widget]:
        """Yield each failure."""
        for number, failure in enumerate(self.failures):
            yield Static(shown(failure.summary), classes="summary next" if number else "summary")
            if failure.detail:
                yield Static(shown(failure.detail), classes="detail")
            if failure.mend:
                yield Static("What may mend it:", classes="mend quiet")
                yield Static(shown("\n".join(failure.mend)), classes="commands")

    def action_copy(self) -> None:
        """Copy all of it."""
        self.app.copy_to_clipboard("\n\n".join(_text(failure) for failure in self.failures))
        self.notify("Copied.", markup=False)

    def action_scroll(self, lines: int) -> None:
        """Scroll the text."""
        self.query_one("#body").scroll_relative(y=lines, animate=False)


def _text(failure: Failed) -> str:
    parts = (failure.summary, failure.detail, *failure.mend)
    return "\n".join(part for part in parts if part)
