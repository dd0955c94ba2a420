"""Lines that scroll."""

from __future__ import annotations

from rich.segment import Segment
from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip

from opencoderouter.core.fleet.preferences import Display
from opencoderouter.tui.pane import Pane
from opencoderouter.tui.themes import Setting, Terminal, setting


class Numbers(Pane):
    """Shows numbers."""

    def __init__(self, how: Setting, lines: int) -> None:
        super().__init__(how, id="numbers")
        self.lines = lines
        self.plus = 0  # of every seventh
        self.seen: list[int] = []

    @property
    def count(self) -> int:
        """Return how many."""
        return self.lines

    def content(self, at: int) -> object:
        """Return one."""
        return at + (0 if at % 7 else self.plus)

    def strip(self, at: int, cells: int) -> Strip:
        """Draw one."""
        self.seen.append(at)
        return Strip([Segment(f"{self.content(at)}")]).adjust_cell_length(cells)


class Shown(App[None]):
    """Shows a pane of ten lines."""

    CSS = "Pane { height: 10; }"

    def __init__(self, lines: int, *, unicode: bool = True) -> None:
        super().__init__()
        self.pane = Numbers(setting(Display(unicode=unicode), Terminal()), lines)

    def compose(self) -> ComposeResult:
        """Put it there."""
        yield self.pane


def bar(pane: Pane) -> str:
    """Return the last column, from the top down."""
    return "".join(pane.render_line(y).text[-1] for y in range(pane.size.height))


async def test_scrolling() -> None:
    """It scrolls as far as there are lines; the bar says where that is."""
    app = Shown(40)
    async with app.run_test(size=(20, 12)):
        pane = app.pane
        assert bar(pane) == "┃┃        "
        pane.scroll_lines(100)
        assert (pane.top, bar(pane)) == (30, "        ┃┃")
        pane.scroll_lines(-100)
        assert pane.top == 0
        pane.into_view(15)
        assert pane.top == 6
        pane.into_view(3)
        assert pane.top == 3
        assert pane.render_line(0).text.startswith("3 ")


async def test_only_what_has_changed_is_drawn_again() -> None:
    """Lines that show the same as before are left alone; where the bar moves, all are drawn."""
    app = Shown(40)
    async with app.run_test(size=(20, 12)) as pilot:
        pane = app.pane
        await pilot.pause()
        pane.seen.clear()
        pane.renew()
        await pilot.pause()
        assert pane.seen == []
        pane.plus = 100
        pane.renew()
        await pilot.pause()
        assert pane.seen == [0, 7]
        pane.lines = 400
        pane.renew()
        await pilot.pause()
        assert pane.seen[2:] == list(range(10))


async def test_no_bar() -> None:
    """What fits needs no bar, and what is below it is blank."""
    app = Shown(3)
    async with app.run_test(size=(20, 12)):
        assert bar(app.pane).strip() == ""
        assert app.pane.render_line(5).text == " " * 20


async def test_plain_bar() -> None:
    """Without Unicode the bar is made of ASCII."""
    app = Shown(40, unicode=False)
    async with app.run_test(size=(20, 12)):
        assert bar(app.pane) == "||        "


async def test_wheel() -> None:
    """The wheel scrolls three lines."""
    app = Shown(40)
    async with app.run_test(size=(20, 12)) as pilot:
        await turn(pilot, app.pane, events.MouseScrollDown)
        assert app.pane.top == 3
        await turn(pilot, app.pane, events.MouseScrollUp)
        assert app.pane.top == 0


async def turn(
    pilot: Pilot[None],
    pane: Pane,
    event: type[events.MouseScrollDown | events.MouseScrollUp],
) -> None:
    """Turn the wheel over the pane."""
    pane.post_message(event(pane, 1, 1, 0, 0, 0, shift=False, meta=False, ctrl=False))
    await pilot.pause()
