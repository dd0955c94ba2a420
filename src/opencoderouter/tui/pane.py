"""Lines that scroll, drawn one by one.

Textual's own scroll views lay the whole screen out again whenever their content grows or shrinks,
which takes longer than a key may take; here a change of content is a change of lines, no more.
"""

from __future__ import annotations

from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from opencoderouter.core.fleet.status import Role
from opencoderouter.tui.themes import Setting

_WHEEL = 3  # lines


class Pane(Widget, inherit_bindings=False):
    """Shows ``count`` lines from ``top`` on, and at the right edge where that is in the whole."""

    ALLOW_SELECT = False

    def __init__(self, setting: Setting, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.setting = setting
        self.top = 0
        self._drawn: dict[int, object] = {}  # by line of the screen
        self._bar_drawn: tuple[int, int] | None = None

    @property
    def count(self) -> int:
        """Return how many lines there are."""
        raise NotImplementedError

    def content(self, at: int) -> object:
        """Return all that the strip of a line is made of, but for what ``restyle`` changes."""
        raise NotImplementedError

    def strip(self, at: int, cells: int) -> Strip:
        """Draw a line, exactly so many cells wide."""
        raise NotImplementedError

    def restyle(self, setting: Setting) -> None:
        """Draw with other colours."""
        self.setting = setting
        self.refresh()

    def scroll_lines(self, by: int) -> None:
        """Scroll, as far as there are lines."""
        self.scroll_to_line(self.top + by)

    def scroll_to_line(self, top: int) -> None:
        """Have a line at the top, or the last one at the bottom."""
        top = max(0, min(top, self.count - self.size.height))
        if top != self.top:
            self.top = top
            self.refresh()

    def into_view(self, at: int) -> None:
        """Scroll as little as needed to see a line."""
        self.scroll_to_line(min(max(self.top, at - self.size.height + 1), at))

    def redraw(self, at: int) -> None:
        """Draw one line again."""
        self.refresh(Region(0, at - self.top, self.size.width, 1))

    def renew(self) -> None:
        """Draw what is not as it was drawn last."""
        if self._bar_drawn != self._thumb():
            self.refresh()
            return
        lines = [y for y in range(self.size.height) if self._drawn.get(y) != self._content(y)]
        if lines:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in lines))

    def _content(self, y: int) -> object:
        at = self.top + y
        return self.content(at) if at < self.count else None

    def render_line(self, y: int) -> Strip:
        """Draw a line, and the bar beside it, on its ground."""
        self._drawn[y] = self._content(y)
        self._bar_drawn = self._thumb()
        return self._line(y).apply_style(self.setting.look.ground)

    def _line(self, y: int) -> Strip:
        at, cells = self.top + y, self.size.width
        if self.count <= self.size.height:
            return self.strip(at, cells) if at < self.count else Strip.blank(cells)
        return Strip.join([self.strip(at, cells - 1), self._bar(y)])

    def _bar(self, y: int) -> Strip:
        start, end = self._thumb() or (0, 0)
        thumb = "┃" if self.setting.display.unicode else "|"
        text = thumb if start <= y < end else " "
        return Strip([Segment(text, self.setting.look.roles[Role.DIM])], 1)

    def _thumb(self) -> tuple[int, int] | None:
        """Return the lines of the bar that are lit, where there is one."""
        height = self.size.height
        if self.count <= height:
            return None
        length = max(1, height * height // self.count)
        start = round(self.top * (height - length) / (self.count - height))
        return start, start + length

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll with the wheel."""
        event.stop()
        self.scroll_lines(_WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll with the wheel."""
        event.stop()
        self.scroll_lines(-_WHEEL)
