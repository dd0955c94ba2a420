"""What all small screens have in common: a box, a text that scrolls, a line of keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Protocol, TypeVar, cast

from rich.cells import cell_len, set_cell_size
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from opencoderouter.core.printable import printable
from opencoderouter.tui.themes import Setting

T = TypeVar("T")
Hint = tuple[str, str, str]  # key as it is shown, what it does, action for the mouse

_WIDTH = 50  # of a heading
_LOW = 24  # lines of a screen that has room for boxes around three fields

ESCAPE: Hint = ("esc", "close", "screen.close")


def _cut(heading: str) -> str:
    """Return what fits into the border, without Textual's ellipsis, which is not ASCII."""
    return heading if cell_len(heading) <= _WIDTH else f"{set_cell_size(heading, _WIDTH - 3)}..."


class Set(Protocol):
    """A program that knows what its terminal can show."""

    setting: Setting


def shown(text: str) -> Content:
    """Return text of others as it may be drawn: its lines kept, all else that moves escaped."""
    return Content("\n".join(printable(line) for line in text.splitlines()))


def hints(keys: tuple[Hint, ...]) -> Content:
    """Return a line of keys that can be clicked."""
    parts = (
        Content.from_markup(f"[@click={action}][b]{key}[/b] {label}[/]")
        for key, label, action in keys
    )
    return Content("   ").join(parts)


class Dialog(ModalScreen[T | None]):
    """A box over what was there. Esc closes it without an answer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False),
        Binding("pageup", "page(-1)", "Up", show=False, priority=True),
        Binding("pagedown", "page(1)", "Down", show=False, priority=True),
        Binding("home", "page(-999)", "Top", show=False),
        Binding("end", "page(999)", "Bottom", show=False),
    ]
    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        #box {
            width: 78;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            padding: 0 1;
            border: round $primary;
            border-title-style: bold;
            background: $surface;
        }
        #body {
            height: auto;
            max-height: 45vh;
            padding: 0 1;
        }
        #keys {
            height: auto;
            padding: 0 1;
            margin-top: 1;
            color: $text-muted;
            link-style: none;
            link-color: $text-muted;
            link-style-hover: underline;
            link-color-hover: $foreground;
            link-background-hover: $surface;
        }
        .quiet { color: $text-muted; }
        .wrong { color: $text-error; }
        Static { height: auto; }
        Input, TextArea { border: round $border-blurred; background: $surface; }
        Input:focus, TextArea:focus { border: round $border; }
        Input { height: 3; }
        &.-plain {
            #box { border: ascii $primary; }
            #body, OptionList, TextArea { scrollbar-size-vertical: 0; }
            Input, TextArea { border: ascii $border-blurred; }
            Input:focus, TextArea:focus { border: ascii $border; }
        }
        &.-low {
            Input, Input:focus { height: 1; border: none; padding: 0; background: $panel; }
            #keys { margin-top: 0; }
        }
    }
    """
    HINTS: ClassVar[tuple[Hint, ...]] = (ESCAPE,)

    def __init__(self, heading: str) -> None:
        super().__init__()
        self.heading = heading

    def compose(self) -> ComposeResult:
        """Put the box together."""
        with Vertical(id="box") as box:
            box.border_title = Content(_cut(printable(self.heading)))
            with VerticalScroll(id="body", can_focus=False):
                yield from self.body()
            yield from self.controls()
            yield Static(hints(self.HINTS), id="keys")

    def body(self) -> Iterator[Widget]:
        """Yield what is read."""
        yield from ()

    def controls(self) -> Iterator[Widget]:
        """Yield what is chosen or typed."""
        yield from ()

    def on_mount(self) -> None:
        """Draw boxes with ASCII only, where that was asked for."""
        self.set_class(not cast(Set, self.app).setting.display.unicode, "-plain")

    def on_resize(self, event: events.Resize) -> None:
        """Leave out the boxes around fields where there is no room for them."""
        self.set_class(event.size.height < _LOW, "-low")

    def finish(self, answer: T | None) -> None:
        """Close with an answer."""
        _ = self.dismiss(answer)

    def action_close(self) -> None:
        """Leave without an answer."""
        self.finish(None)

    def action_page(self, pages: int) -> None:
        """Scroll the text."""
        body = self.query_one("#body")
        body.scroll_relative(y=pages * max(1, body.size.height - 1), animate=False)
