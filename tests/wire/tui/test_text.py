"""One line of pieces."""

from __future__ import annotations

from textual.app import App, ComposeResult

from opencoderouter.core.fleet.preferences import Display
from opencoderouter.core.fleet.status import Role
from opencoderouter.tui.text import Text
from opencoderouter.tui.themes import Terminal, setting


class Shown(App[None]):
    """Shows one line."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Text(setting(Display(theme="nightops"), Terminal()), id="line")

    def compose(self) -> ComposeResult:
        """Put it there."""
        yield self.line


async def test_draws() -> None:
    """Pieces are drawn from the left, in their styles, on the bar; other lines are blank."""
    app = Shown()
    async with app.run_test(size=(20, 4)):
        app.line.show((("a", Role.GOOD), ("b", Role.DIM)))
        first = app.line.render_line(0)
        assert first.text == "ab" + " " * 18
        assert str(next(iter(first)).style) == "#5df2a3 on #0d1424"
        assert app.line.render_line(1).text == " " * 20
        app.line.restyle(setting(Display(theme="minimal"), Terminal()))
        assert str(next(iter(app.line.render_line(0))).style) == "none"
