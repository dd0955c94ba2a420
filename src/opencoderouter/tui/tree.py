"""The tree: thousands of rows, of which only the visible ones are ever drawn."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from opencoderouter.core.fleet.branch import Row
from opencoderouter.core.fleet.line import ROOMY, Pen, line, turning
from opencoderouter.core.fleet.rows import Sheet
from opencoderouter.tui.fit import cut, segments, width
from opencoderouter.tui.pane import Pane
from opencoderouter.tui.themes import Setting

_FRAME = 0.1  # seconds for which a spinner stands still


class Tree(Pane, can_focus=True):
    """Draws a sheet. What is selected is up to the screen, which hears of clicks."""

    class Clicked(Message):
        """A row was clicked; ``toggle``: on its arrow, or twice."""

        def __init__(self, at: int, *, toggle: bool) -> None:
            super().__init__()
            self.at = at
            self.toggle = toggle

    def __init__(self, pen: Pen, setting: Setting) -> None:
        super().__init__(setting, id="tree")
        self.sheet = Sheet()
        self.cursor: int | None = None
        self.pen = pen
        self._spinner: Timer | None = None

    def on_mount(self) -> None:
        """Make the clock of the spinners."""
        self._spinner = self.set_interval(_FRAME, self._turn)

    @property
    def count(self) -> int:
        """Return the number of rows."""
        return len(self.sheet.rows)

    @property
    def row(self) -> Row | None:
        """Return the selected row."""
        return self.sheet.rows[self.cursor] if self.cursor is not None else None

    def show(self, sheet: Sheet, cursor: int | None, pen: Pen) -> None:
        """Draw other rows; the selected one stays where it is on the screen."""
        moved = cursor - self.cursor if cursor is not None and self.cursor is not None else 0
        self.sheet, self.cursor = sheet, cursor
        self.pen = replace(pen, frame=self.pen.frame, roomy=self.size.width >= ROOMY)
        self.scroll_lines(moved)
        if cursor is not None:
            self.into_view(cursor)
        self.renew()
        self.wake()

    def select(self, at: int) -> None:
        """Move to another row."""
        before, self.cursor = self.cursor, at
        self.into_view(at)
        for one in (before, at):
            if one is not None:
                self.redraw(one)

    def show_below(self, at: int) -> None:
        """Scroll so that what is below a row is seen: all of it, or half a screen."""
        depth = self.sheet.rows[at].depth
        rest = self.sheet.rows[at + 1 :]
        below = sum(1 for _ in takewhile(lambda row: row.depth > depth, rest))
        self.into_view(at + min(below, self.size.height // 2))

    def wake(self) -> None:
        """Let spinners turn, if there are any."""
        if self._spinner is not None:
            self._spinner.resume()

    def content(self, at: int) -> object:
        """Return what a row says, and whether it is selected."""
        return line(self.sheet.rows[at], self.pen), at == self.cursor

    def strip(self, at: int, cells: int) -> Strip:
        """Draw a row."""
        look = self.setting.look
        drawn = line(self.sheet.rows[at], self.pen)
        right = drawn.right if width(drawn.right) < cells // 2 else ()
        room = cells - width(right) - 2
        left = cut(drawn.left, room, "…" if self.pen.display.unicode else "..")
        gap = Segment(" " * (room - width(left) + 1))
        pieces = [*segments(left, look), gap, *segments(right, look), Segment(" ")]
        strip = Strip(pieces).adjust_cell_length(cells)
        if at != self.cursor:
            return strip
        return strip.apply_style(look.cursor if self.has_focus else look.cursor_blurred)

    def on_resize(self, event: events.Resize) -> None:
        """Keep the selected row in view."""
        self.pen = replace(self.pen, roomy=event.size.width >= ROOMY)
        if self.cursor is not None:
            self.into_view(self.cursor)

    def scroll_to_line(self, top: int) -> None:
        """Scroll, and look for spinners among the lines that came into view."""
        super().scroll_to_line(top)
        self.wake()

    def on_click(self, event: events.Click) -> None:
        """Tell the screen which row was clicked, and where."""
        at = event.y + self.top
        if at < self.count:
            arrow = line(self.sheet.rows[at], self.pen).arrow
            toggle = event.chain > 1 or event.x in (arrow, arrow + 1)
            self.post_message(self.Clicked(at, toggle=toggle))

    def _turn(self) -> None:
        """Draw spinners further; stop when none can be seen."""
        rows = self.sheet.rows[self.top : self.top + self.size.height]
        lines = [self.top + at for at, row in enumerate(rows) if turning(row, self.pen)]
        if self._spinner is not None and not (lines and self.screen.is_current):
            self._spinner.pause()
            return
        self.pen = replace(self.pen, frame=self.pen.frame + 1)
        for at in lines:
            self.redraw(at)
