"""The panel beside the tree: all that is known of the selected row."""

from __future__ import annotations

from rich.segment import Segment
from textual import events
from textual.strip import Strip

from opencoderouter.core.fleet.inspect import Part
from opencoderouter.core.fleet.line import Span
from opencoderouter.core.fleet.status import Role
from opencoderouter.tui.fit import segments, width, wrap
from opencoderouter.tui.pane import Pane
from opencoderouter.tui.themes import Setting

_LABEL = 11  # cells
_EDGES = 3  # cells that are not text: one at the left, two for the bar


class Panel(Pane):
    """Wraps and draws parts."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting, id="panel")
        self.parts: tuple[Part, ...] = ()
        self._lines: list[tuple[Span, ...]] = []

    @property
    def count(self) -> int:
        """Return the number of lines."""
        return len(self._lines)

    def show(self, parts: tuple[Part, ...]) -> None:
        """Draw other parts, from where it stood."""
        if parts != self.parts:
            self.parts = parts
            self._wrap(self.size.width)

    def content(self, at: int) -> object:
        """Return the pieces of a line."""
        return self._lines[at]

    def strip(self, at: int, cells: int) -> Strip:
        """Draw a line."""
        pieces = [Segment(" "), *segments(self._lines[at], self.setting.look)]
        return Strip(pieces).adjust_cell_length(cells)

    def on_resize(self, event: events.Resize) -> None:
        """Wrap again."""
        self._wrap(event.size.width)

    def _wrap(self, cells: int) -> None:
        room = max(2 * _EDGES, cells - _EDGES)
        self._lines = [line for at, one in enumerate(self.parts) for line in _lines(one, room, at)]
        self.scroll_to_line(self.top)
        self.renew()


def _lines(part: Part, room: int, at: int) -> list[tuple[Span, ...]]:
    if part.heading:
        return [*([()] if at else []), *wrap(part.spans, room)]
    if not part.label:
        return wrap(part.spans, room)
    label = ((f"{part.label} ".ljust(0 if part.mark else _LABEL), Role.DIM),)
    indent = width(label)
    first, *rest = wrap(part.spans, max(4, room - indent))
    space = ((" " * indent, Role.DIM),)
    return [(*label, *first), *((*space, *line) for line in rest)]
