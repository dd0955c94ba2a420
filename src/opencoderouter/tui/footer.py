"""The last line: keys that do something for the selected row. A click does the same."""

from __future__ import annotations

from textual import events
from textual.message import Message

from opencoderouter.core.fleet.hints import Hint
from opencoderouter.core.fleet.line import Span
from opencoderouter.core.fleet.status import Role
from opencoderouter.core.fleet.wording import figure
from opencoderouter.tui.fit import width
from opencoderouter.tui.keymap import Keymap
from opencoderouter.tui.text import Text
from opencoderouter.tui.themes import Setting

_GAP: Span = ("  ", Role.DIM)


class Footer(Text):
    """Shows as many keys as there is room for, and which row is selected."""

    DEFAULT_CSS = """
    Footer { background: $panel; }
    """

    class Clicked(Message):
        """A key was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, keymap: Keymap, setting: Setting) -> None:
        super().__init__(setting, id="footer")
        self.keymap = keymap
        self._hints: tuple[Hint, ...] = ()
        self._place = ""
        self._ends: list[tuple[int, str]] = []

    def tell(self, hints: tuple[Hint, ...], at: int | None, rows: int) -> None:
        """Show other keys; ``at`` is the selected one of so many rows."""
        self._hints = hints
        self._place = f"{figure(at + 1)}/{figure(rows)} " if at is not None else ""
        self._fill(self.size.width)

    def on_resize(self, event: events.Resize) -> None:
        """Show as many keys as there is room for now."""
        self._fill(event.size.width)

    def on_click(self, event: events.Click) -> None:
        """Tell the screen which key was clicked."""
        action = next((action for end, action in self._ends if event.x < end), None)
        if action is not None:
            self.post_message(self.Clicked(action))

    def _fill(self, cells: int) -> None:
        room = cells - len(self._place)
        spans: list[Span] = [(" ", Role.DIM)]
        self._ends = []
        for action, words in self._hints:
            key = self.keymap.shown(action)
            hint: tuple[Span, ...] = ((key, Role.ACCENT), (f" {words}", Role.DIM), _GAP)
            if key and width(spans) + width(hint) <= room:
                spans += hint
                self._ends.append((width(spans), action))
        spans.append((" " * max(0, room - width(spans)), Role.DIM))
        self.show((*spans, (self._place, Role.DIM)))
