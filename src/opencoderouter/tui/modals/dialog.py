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
from textual.message import Message
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
MORE: Hint = ("pgdn", "more below", "screen.page(1)")


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
        Content.from_markup(f"[@click={action}][b]$key[/b] {label}[/]", key=key)
        for key, label, action in keys
    )
    return Content("   ").join(parts)


class Body(VerticalScroll, can_focus=False):
    """A text that scrolls."""

    class Moved(Message):
        """Another part of it is on the screen, or another amount."""

    @property
    def at_end(self) -> bool:
        """Tell whether its end is on the screen."""
        return self.size.height > 0 and self.scroll_offset.y >= self.max_scroll_y

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell the dialog."""
        super().watch_scroll_y(old_value, new_value)
        self.post_message(self.Moved())

    def on_resize(self) -> None:
        """Tell the dialog."""
        self.post_message(self.Moved())


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
            with Body(id="body"):
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

    @property
    def at_end(self) -> bool:
        """Tell whether the end of the text is on the screen."""
        return self.query_one(Body).at_end

    def on_body_moved(self) -> None:
        """Say whether there is more below: not every theme has a scrollbar."""
        more = () if self.at_end else (MORE,)
        self.query_one("#keys", Static).update(hints((*more, *self.HINTS)))

    def finish(self, answer: T | None) -> None:
        """Close with an answer."""
        _ = self.dismiss(answer)

    def action_close(self) -> None:
        """Leave without an answer."""
        self.finish(None)

    def action_page(self, pages: int) -> None:
        """Scroll the text."""
        body = self.query_one(Body)
        body.scroll_relative(y=pages * max(1, body.size.height - 1), animate=False)
