"""The screen of what waits for a person or failed, over all hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from opencoderouter.core.fleet import status
from opencoderouter.core.fleet.attention import Item, Need, attention
from opencoderouter.core.fleet.fleet import Fleet
from opencoderouter.core.fleet.model import Ask, HostState, SessionRef, Target
from opencoderouter.core.fleet.preferences import Display
from opencoderouter.core.fleet.wording import ago
from opencoderouter.core.printable import printable
from opencoderouter.tui.modals.dialog import Hint, hints
from opencoderouter.watch import Watch

_SIGNS = {
    Need.PERMISSION: status.SESSIONS[status.Status.WAITING],
    Need.QUESTION: status.SESSIONS[status.Status.WAITING],
    Need.HOST: status.HOSTS[HostState.AUTH_REQUIRED],
    Need.FAILED: status.SESSIONS[status.Status.ERRORED],
}
_COLOURS = {Need.FAILED: "$text-error"}


class Desk(Protocol):
    """What is done about an item; ``deeds`` do it."""

    def answer(self, ref: SessionRef, ask: Ask) -> None:
        """Ask a person for the answer, and give it."""

    def log_in(self, alias: str) -> None:
        """Show what lets a host let us in."""

    def explain(self, target: Target) -> None:
        """Show what went wrong."""

    def reveal(self, target: Target) -> None:
        """Select it in the tree."""

    def now(self) -> float:
        """Return the time."""

    def following(self) -> Watch[Fleet]:
        """Return what changes."""

    def look(self) -> Display:
        """Return how things are to look."""


class Attention(Screen[None]):
    """A list that follows the fleet; the selection stays on its item."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,w,q", "close", "Back", show=False),
        Binding("space,p", "mend", "Answer", show=False),
        Binding("e", "explain", "Details", show=False),
        Binding("j", "step(1)", "Down", show=False),
        Binding("k", "step(-1)", "Up", show=False),
    ]
    DEFAULT_CSS = """
    Attention {
        #count { height: 1; padding: 0 1; text-style: bold; background: $panel; }
        OptionList { height: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
        #about { height: auto; max-height: 35vh; padding: 0 1; border-top: solid $border-blurred; }
        #keys { height: 1; padding: 0 1; color: $text-muted; }
        &.-plain #about { border-top: ascii $border-blurred; }
        &.-plain OptionList, &.-plain #about { scrollbar-size-vertical: 0; }
    }
    """
    HINTS: ClassVar[tuple[Hint, ...]] = (
        ("space", "answer or log in", "screen.mend"),
        ("enter", "show in tree", "screen.go"),
        ("esc", "back", "screen.close"),
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.items: tuple[Item, ...] = ()
        self.lines: list[Content] = []

    def compose(self) -> ComposeResult:
        """Put the screen together."""
        yield Static(id="count")
        yield OptionList(compact=True)
        with VerticalScroll(id="about", can_focus=False):
            yield Static()
        yield Static(hints(self.HINTS), id="keys")

    def on_mount(self) -> None:
        """Follow the fleet as long as this is shown."""
        self.run_worker(self._follow())

    async def _follow(self) -> None:
        async for fleet in self.desk.following().follow():
            self.show(attention(fleet))

    @property
    def item(self) -> Item | None:
        """Return the selected item."""
        at = self.query_one(OptionList).highlighted
        return self.items[at] if at is not None and at < len(self.items) else None

    def show(self, items: tuple[Item, ...]) -> None:
        """Show other items; what was selected stays so, or what stands in its place is."""
        shown, look = self.query_one(OptionList), self.desk.look()
        self.set_class(not look.unicode, "-plain")
        lines = [line(item, self.desk.now(), look) for item in items]
        at = _place(self.item, shown.highlighted, items)
        changed, self.items = [*map(str, lines)] != [*map(str, self.lines)], items
        if changed:
            self.lines = lines
            shown.clear_options()
            shown.add_options([Option(line) for line in lines])
        if shown.highlighted != at:
            shown.highlighted = at
        self.query_one("#count", Static).update(count(items))
        self._about()

    def on_option_list_option_highlighted(self) -> None:
        """Show all of what is selected."""
        self._about()

    def _about(self) -> None:
        text = Content() if self.item is None else about(self.item)
        self.query_one("#about Static", Static).update(text)

    def on_option_list_option_selected(self) -> None:
        """Go to the item that was entered or clicked."""
        self.action_go()

    def action_go(self) -> None:
        """Select the item in the tree."""
        if self.item is not None:
            target = self.item.target
            _ = self.dismiss()
            self.desk.reveal(target)

    def action_mend(self) -> None:
        """Do what the item is here for."""
        item = self.item
        if item is not None and item.ask is not None and isinstance(item.target, SessionRef):
            self.desk.answer(item.target, item.ask)
        elif item is not None and item.need is Need.HOST:
            self.desk.log_in(item.target.alias)
        else:
            self.action_explain()

    def action_explain(self) -> None:
        """Show what went wrong."""
        if self.item is not None:
            self.desk.explain(self.item.target)

    def action_step(self, lines: int) -> None:
        """Move the selection."""
        shown = self.query_one(OptionList)
        (shown.action_cursor_down if lines > 0 else shown.action_cursor_up)()

    def action_close(self) -> None:
        """Go back to the tree."""
        _ = self.dismiss()


def _place(item: Item | None, at: int | None, items: Sequence[Item]) -> int | None:
    if not items:
        return None
    keys = [one.key for one in items]
    if item is not None and item.key in keys:
        return keys.index(item.key)
    return min(at or 0, len(items) - 1)


def count(items: Sequence[Item]) -> Content:
    """Return how much there is."""
    failed = sum(item.need is Need.FAILED for item in items)
    if not items:
        return Content("Nothing waits for a person, and nothing failed")
    return Content(f"Attention   {len(items) - failed} waiting   {failed} failed")


def line(item: Item, now: float, display: Display) -> Content:
    """Return an item on one line."""
    since = ago(item.since, now) or "-"
    return Content.assemble(
        (f"{status.sign(_SIGNS[item.need], display)} ", _COLOURS.get(item.need, "$text-warning")),
        (f"{since:>4}  ", "$text-muted"),
        (f"{printable(item.host)}  ", "bold"),
        printable(item.title),
        (f"  {printable(item.text)}", "$text-muted"),
        ("  (not reached since)" if item.stale else "", "$text-warning"),
    )


def about(item: Item) -> Content:
    """Return all of an item."""
    questions = item.ask.questions if item.ask is not None else ()
    texts = [question.text for question in questions] or [item.text]
    where = f"{item.host}  {getattr(item.target, 'directory', '')}"
    lines = (one for text in texts for one in text.splitlines())
    return Content.assemble(
        (f"{item.need.capitalize()}: ", "bold"),
        printable(item.title),
        (f"\n{printable(where)}\n", "$text-muted"),
        "\n".join(map(printable, lines)),
    )
