"""The screen that everything starts from: search, figures, tree, panel, keys.

Each key of ``Preferences.keybindings`` runs ``action_NAME``: those that ask something of the fleet
are in ``tui.doing``, those that move and narrow in ``tui.moving``, the rest is here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Input, Static

from opencoderouter.core.fleet.figures import empty, figures, refresh_in
from opencoderouter.core.fleet.fleet import Fleet
from opencoderouter.core.fleet.hints import SEARCHING, hints
from opencoderouter.core.fleet.inspect import inspect
from opencoderouter.core.fleet.line import Pen
from opencoderouter.core.fleet.preferences import Preferences
from opencoderouter.core.fleet.refs import GroupRef, MoreRef
from opencoderouter.core.fleet.rows import Rows, Sheet, nearest
from opencoderouter.core.fleet.search import words
from opencoderouter.core.fleet.view import Filter, View
from opencoderouter.core.printable import printable
from opencoderouter.tui.details import Details
from opencoderouter.tui.footer import Footer
from opencoderouter.tui.header import Header, SearchBox
from opencoderouter.tui.keymap import Keymap
from opencoderouter.tui.moving import Moving
from opencoderouter.tui.panel import Panel
from opencoderouter.tui.room import SMALLEST, Room, room
from opencoderouter.tui.themes import Setting
from opencoderouter.tui.tree import Tree

_TYPING = frozenset({"up", "down", "page_up", "page_down", "escape", "cycle_view", "leave"})
Clock = Callable[[], float]
_LINES = 5  # that the panel scrolls
_BREATH = 0.002  # seconds in which the thread that writes to the terminal gets its turn


class Main(Moving, inherit_bindings=False):
    """The tree of hosts, projects and sessions."""

    AUTO_FOCUS = "#tree"
    DEFAULT_CSS = """
    Main {
        background: $background;
        color: $foreground;
        #body { layout: horizontal; height: 1fr; }
        #tree { width: 58%; height: 1fr; }
        #panel { width: 42%; height: 1fr; border-left: vkey $border-blurred; }
        #empty { display: none; padding: 1 3; width: 58%; height: 1fr; color: $text-muted; }
        #small { display: none; height: 1fr; content-align: center middle; text-align: center; }
        &.-below {
            #body { layout: vertical; }
            #tree, #empty { width: 100%; }
            #panel { width: 100%; height: 40%; border-left: none; }
            #panel { border-top: hkey $border-blurred; }
        }
        &.-alone {
            #tree, #empty { width: 100%; }
            #panel { display: none; }
        }
        &.-plain {
            #panel { border-left: ascii $border-blurred; }
            &.-below #panel { border-left: none; border-top: ascii $border-blurred; }
        }
        &.-empty { #tree, #panel { display: none; } #empty { display: block; width: 100%; } }
        &.-small { #header, #body, #footer { display: none; } #small { display: block; } }
    }
    """

    def __init__(
        self, fleet: Fleet, preferences: Preferences, setting: Setting, clock: Clock
    ) -> None:
        super().__init__()
        self.fleet = fleet
        self.setting = setting
        self.view = View().preferring(preferences.sessions)
        self.rows = Rows()
        self.keymap = Keymap(preferences.keybindings, unicode=setting.display.unicode)
        self._bindings = self.keymap.bindings()
        self.clock = clock
        self.forest = Tree(self.pen, setting)
        self.panel = Panel(setting)
        self.header = Header(setting)
        self.footer = Footer(self.keymap, setting)
        self.details = Details(self, self._inspect)
        self.panel_wanted: bool | None = None  # None: where there is room
        self._typed = False

    @property
    def pen(self) -> Pen:
        """Return how rows are drawn now."""
        display, view = self.setting.display, self.view
        return Pen(display, self.clock(), words(view.query), marked=view.marked)

    def compose(self) -> ComposeResult:
        """Put the screen together."""
        yield self.header
        with Container(id="body"):
            yield self.forest
            yield Static(id="empty")
            yield self.panel
        yield self.footer
        yield Static(id="small")

    def on_mount(self) -> None:
        """Draw what is known already, and count down."""
        self._lay_out()
        self.draw()
        self.set_interval(1, self._count)

    def show(self, fleet: Fleet) -> None:
        """Draw a newer fleet."""
        self.fleet = fleet
        self.draw()

    def change(self, view: View) -> None:
        """Draw another view."""
        self.view = view
        self.draw()

    def draw(self, at: int | None = None) -> None:
        """Draw all; row ``at`` is selected, or else the one that was."""
        pen = self.pen
        sheet = self.rows.of(self.fleet, self.view, pen.now, pen.display)
        if at is None:
            at = nearest(self.forest.sheet, sheet, self.view.selected)
        self.forest.show(sheet, at, pen)
        self._figures(sheet, pen)
        self._selected(at)

    def select(self, at: int) -> None:
        """Select another row."""
        if at != self.forest.cursor:
            self.forest.select(at)
            self._selected(at)

    def _selected(self, at: int | None) -> None:
        """Let panel and footer follow the selected row."""
        row = self.row
        if row is not None and row.place != self.view.selected:
            self.view = replace(self.view, selected=row.place)
            self.panel.scroll_to_line(0)
        keys = SEARCHING if self.typing else hints(row, self.view)
        self.footer.tell(keys, at, len(self.forest.sheet.rows))
        known = row.known if row is not None and self.panel.display else None
        session = known.session if known is not None else None
        self.details.want(self.control, known.ref if known is not None else None, session)
        self._inspect()

    def _inspect(self) -> None:
        row = self.row
        if self.panel.display:
            ref = row.known.ref if row is not None and row.known is not None else None
            detail = self.details.of(ref) if ref is not None else None
            self.panel.show(inspect(row, self.pen, detail))

    def _figures(self, sheet: Sheet, pen: Pen) -> None:
        shown = figures(sheet.tally, self.view, pen, self.size.width)
        self.header.show(shown, self.keymap.shown("search"))
        self._count()
        lines = () if sheet.rows else empty(self.fleet, self.view, sheet.tally)
        self.set_class(bool(lines), "-empty")
        if lines:
            self.query_one("#empty", Static).update(Content("\n\n".join(map(printable, lines))))

    def _count(self) -> None:
        self.header.count(refresh_in(self.fleet, self.pen))

    def prefer(self, preferences: Preferences, setting: Setting) -> None:
        """Follow preferences that have changed."""
        self.setting = setting
        self.keymap = Keymap(preferences.keybindings, unicode=setting.display.unicode)
        self._bindings = self.keymap.bindings()
        self.footer.keymap = self.keymap
        for part in (self.forest, self.panel, self.header, self.footer):
            part.restyle(setting)
        self.view = self.view.preferring(preferences.sessions)
        self._lay_out()
        self.draw()

    def on_resize(self, event: events.Resize) -> None:
        """Find another place for the panel."""
        cells, lines = event.size
        text = "{} x {} is needed, this is {} x {}".format(*SMALLEST, cells, lines)
        self.query_one("#small", Static).update(text)
        self._lay_out()
        self.call_after_refresh(self.draw)

    def on_screen_resume(self) -> None:
        """Let spinners turn again."""
        self.forest.wake()

    def _lay_out(self) -> None:
        now = room(*self.size, self.panel_wanted)
        for one in Room:
            self.set_class(one is now, one)
        self.set_class(self.setting.plain, "-plain")

    @property
    def typing(self) -> bool:
        """Tell whether the search box has the keyboard."""
        return isinstance(self.focused, SearchBox)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Take only keys that move while somebody types; letters are the box's anyway."""
        del parameters
        if self.opening:
            return False
        return action in _TYPING if self.typing else action != "leave"

    def on_tree_clicked(self, event: Tree.Clicked) -> None:
        """Select the row that was clicked; open, close or attach on the second click."""
        self.forest.focus()
        self.select(event.at)
        if event.toggle:
            self.action_attach()

    async def on_footer_clicked(self, event: Footer.Clicked) -> None:
        """Do what the key does."""
        await self.run_action(event.action)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search after the letter has been drawn: nobody waits for it to be found first."""
        if not self._typed and event.value != self.view.query:
            self._typed = True
            self.call_after_refresh(self._search)

    async def _search(self) -> None:
        await asyncio.sleep(_BREATH)
        self._typed = False
        self.view = self.view.searching(self.header.box.value)
        pen = self.pen
        sheet = self.rows.of(self.fleet, self.view, pen.now, pen.display)
        self.forest.scroll_to_line(0)
        self.draw(sheet.best())

    def on_descendant_focus(self) -> None:
        """Let footer and selected row show where the keyboard is."""
        self.forest.refresh()
        self._selected(self.forest.cursor)

    def action_search(self) -> None:
        """Type into the search box."""
        self.set_focus(self.header.box)

    def action_leave(self) -> None:
        """Leave the search box, with what it has found."""
        self.set_focus(self.forest)

    def action_escape(self) -> None:
        """Leave the search box; give up, one after the other, search, filter and marks."""
        if self.view.query or self.typing:
            self.header.box.value = ""
            self.set_focus(self.forest)
            if (target := self.target) is not None and not isinstance(target, GroupRef | MoreRef):
                self.reveal(target)
            else:
                self.change(self.view.searching(""))
        elif self.view.filter is not Filter.ALL:
            self.change(self.view.filtering(Filter.ALL))
        elif self.view.marked:
            self.unmark()

    def action_refresh(self) -> None:
        """Ask all hosts again now."""
        self.control.refresh()
        self.details.retry(self.control)

    def action_inspect(self) -> None:
        """Show the panel."""
        self._panel(shown=True)

    def action_cycle_view(self) -> None:
        """Show the panel, or no longer."""
        self._panel(shown=not self.panel.display)

    def _panel(self, *, shown: bool) -> None:
        self.panel_wanted = shown
        self._lay_out()
        self.call_after_refresh(self.draw)

    def action_panel_up(self) -> None:
        """Scroll the panel up."""
        self.panel.scroll_lines(-_LINES)

    def action_panel_down(self) -> None:
        """Scroll the panel down."""
        self.panel.scroll_lines(_LINES)

    def action_quit(self) -> None:
        """Leave the program."""
        self.app.exit()
