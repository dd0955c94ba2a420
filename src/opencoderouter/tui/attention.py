"""The screen of what waits for a person or failed, over all hosts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingsMap
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
from opencoderouter.core.fleet.wording import ago, exactly
from opencoderouter.core.printable import printable
from opencoderouter.tui.keymap import key_name
from opencoderouter.tui.modals.dialog import Hint, hints
from opencoderouter.watch import Watch

_SIGNS = {
    Need.PERMISSION: status.SESSIONS[status.Status.WAITING],
    Need.QUESTION: status.SESSIONS[status.Status.WAITING],
    Need.HOST: status.HOSTS[HostState.AUTH_REQUIRED],
    Need.FAILED: status.SESSIONS[status.Status.ERRORED],
}
_COLOURS = {Need.FAILED: "$text-error"}
# What an action of the preferences does here.
_ACTIONS = {
    "up": "step(-1)",
    "down": "step(1)",
    "attach": "go",
    "toggle": "mend",
    "reply": "mend",
    "authenticate": "mend",
    "error_detail": "explain",
    "attention": "close",
    "quit": "close",
    "help": "help",
}
_HINTS = {
    "reply": "answer, log in",
    "attach": "show in tree",
    "help": "help",
}
_HOST = 20  # cells of the column of hosts, at most


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

    def keys_of(self, action: str) -> tuple[str, ...]:
        """Return the keys of an action, as they are mapped now."""

    def action_help(self) -> None:
        """Show all keys and signs."""

    def following(self) -> Watch[Fleet]:
        """Return what changes."""

    def look(self) -> Display:
        """Return how things are to look."""


class Attention(Screen[None]):
    """A list that follows the fleet; the selection stays on its item."""

    DEFAULT_CSS = """
    Attention {
        #count { height: 1; padding: 0 1; color: $accent; background: $panel; }
        OptionList { height: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
        OptionList { background: $background; }
        #about { height: auto; max-height: 35vh; padding: 0 1; border-top: solid $border-blurred; }
        #keys {
            height: 1;
            padding: 0 1;
            color: $text-muted;
            background: $panel;
            link-style: none;
            link-color: $text-muted;
            link-style-hover: underline;
            link-color-hover: $foreground;
            link-background-hover: $panel;
        }
        &.-plain #about { border-top: ascii $border-blurred; }
        &.-plain OptionList, &.-plain #about { scrollbar-size-vertical: 0; }
    }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self._bindings = self._mapped()
        self.items: tuple[Item, ...] = ()
        self.lines: list[Content] = []

    def compose(self) -> ComposeResult:
        """Put the screen together."""
        yield Static(id="count")
        yield OptionList(compact=True)
        with VerticalScroll(id="about", can_focus=False):
            yield Static()
        yield Static(hints(self._hints()), id="keys")

    def _mapped(self) -> BindingsMap:
        """Return what keys do here: those of the tree that do the same there, and Esc."""
        keys = ((key, one) for action, one in _ACTIONS.items() for key in self.desk.keys_of(action))
        pairs = {"escape": "close", **dict(keys)}.items()
        return BindingsMap(Binding(key, one, show=False, priority=True) for key, one in pairs)

    def _hints(self) -> tuple[Hint, ...]:
        unicode = self.desk.look().unicode
        own = (
            (key_name(key, unicode=unicode), words, f"screen.{_ACTIONS[action]}")
            for action, words in _HINTS.items()
            for key in self.desk.keys_of(action)[:1]
        )
        return (*own, ("esc", "back", "screen.close"))

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
        cells = min(_HOST, max((cell_len(printable(item.host)) for item in items), default=0))
        lines = [line(item, self.desk.now(), look, cells) for item in items]
        at = _place(self.item, shown.highlighted, items)
        self._bindings = self._mapped()  # the preferences may be others
        self.query_one("#keys", Static).update(hints(self._hints()))
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

    def action_help(self) -> None:
        """Show all keys and signs."""
        self.desk.action_help()

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


def line(item: Item, now: float, display: Display, cells: int = 0) -> Content:
    """Return an item on one line; its host takes so many cells, or more."""
    since = ago(item.since, now) or "-"
    host = printable(item.host)
    gap = " " * (2 + max(0, cells - cell_len(host)))
    return Content.assemble(
        (f"{status.sign(_SIGNS[item.need], display)} ", _COLOURS.get(item.need, "$text-warning")),
        (f"{since:>4}  ", "dim"),
        (f"{host}{gap}", "bold"),
        printable(item.title),
        (f"  {printable(item.text)}", "dim"),
        ("  (not reached since)" if item.stale else "", "$text-warning"),
    )


def about(item: Item) -> Content:
    """Return all of an item."""
    where = f"{item.host}  {getattr(item.target, 'directory', '')}"
    return Content.assemble(
        (f"{item.need.capitalize()}: ", "bold"),
        printable(item.title),
        (f"\n{printable(where)}\n", "dim"),
        "\n".join(_lines(item)),
    )


def _lines(item: Item) -> Iterator[str]:
    ask = item.ask
    if ask is not None and not ask.questions:
        yield exactly(ask.text)
        yield from (f"always: {exactly(pattern)}" for pattern in ask.always)
        return
    texts = [question.text for question in ask.questions] if ask is not None else [item.text]
    yield from (printable(line) for text in texts for line in text.splitlines())
