"""The first line: what is searched, how many there are of what, when hosts are asked again."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from opencoderouter.core.fleet.figures import Figures
from opencoderouter.core.fleet.line import Span
from opencoderouter.tui.fit import width
from opencoderouter.tui.text import Text
from opencoderouter.tui.themes import Setting


class SearchBox(Input):
    """Where a search is typed. Keys that move go on to the tree."""

    def __init__(self) -> None:
        super().__init__(id="search", compact=True, select_on_focus=False)
        self.cursor_blink = False  # a cursor that blinks is work for ever


class Header(Horizontal):
    """One line over all."""

    DEFAULT_CSS = """
    Header {
        height: 1;
        background: $panel;
        Input { width: 1fr; height: 1; background: $panel; border: none; padding: 0; }
        Input:focus { background-tint: $foreground 0%; }
        Text { width: 0; }
    }
    """

    def __init__(self, setting: Setting) -> None:
        super().__init__(id="header")
        self.box = SearchBox()
        self.heading = Text(setting, id="heading")
        self.figures = Text(setting, id="figures")
        self.countdown = Text(setting, id="countdown")

    def compose(self) -> ComposeResult:
        """Put the line together."""
        yield self.heading
        yield self.box
        yield self.figures
        yield self.countdown

    def show(self, figures: Figures, key: str) -> None:
        """Show other figures; ``key`` is the one that searches."""
        _fitted(self.heading, figures.title)
        _fitted(self.figures, figures.all)
        self.box.placeholder = f"{key} search" if key else ""

    def count(self, spans: tuple[Span, ...]) -> None:
        """Show how long it is until hosts are asked again."""
        _fitted(self.countdown, spans)

    def restyle(self, setting: Setting) -> None:
        """Draw with other colours."""
        for text in (self.heading, self.figures, self.countdown):
            text.restyle(setting)


def _fitted(text: Text, spans: tuple[Span, ...]) -> None:
    """Show pieces; the layout is only done again where they take more or less room than before."""
    cells = width(spans)
    if cells != width(text.spans):
        text.styles.width = cells
    text.show(spans)
