"""One line of pieces."""

from __future__ import annotations

from textual.strip import Strip
from textual.widget import Widget

from opencoderouter.core.fleet.line import Span
from opencoderouter.tui.fit import segments
from opencoderouter.tui.themes import Setting


class Text(Widget, inherit_bindings=False):
    """Draws pieces, from the left."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Text { height: 1; }
    """

    def __init__(self, setting: Setting, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.setting = setting
        self.spans: tuple[Span, ...] = ()

    def show(self, spans: tuple[Span, ...]) -> None:
        """Draw other pieces."""
        if spans != self.spans:
            self.spans = spans
            self.refresh()

    def restyle(self, setting: Setting) -> None:
        """Draw with other colours."""
        self.setting = setting
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw it on the first line."""
        pieces = segments(self.spans, self.setting.look) if y == 0 else []
        strip = Strip(pieces).adjust_cell_length(self.size.width)
        return strip.apply_style(self.setting.look.bar)
