"""Keys that move, open, close, narrow and mark: they change the view and nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TypeVar

from opencoderouter.core.fleet.branch import Row
from opencoderouter.core.fleet.model import SessionRef, Target
from opencoderouter.core.fleet.preferences import SortBy
from opencoderouter.core.fleet.refs import Place
from opencoderouter.core.fleet.rows import Rows, revealing, waiting
from opencoderouter.core.fleet.view import Filter, View
from opencoderouter.tui.doing import Doing
from opencoderouter.tui.tree import Tree

T = TypeVar("T")


class Moving(Doing):
    """A tree and its view. ``Main`` draws what ``change`` leaves."""

    forest: Tree
    rows: Rows
    view: View

    def change(self, view: View) -> None:
        """Show another view."""
        raise NotImplementedError

    def select(self, at: int) -> None:
        """Select another row."""
        raise NotImplementedError

    @property
    def row(self) -> Row | None:
        """Return the selected row."""
        return self.forest.row

    @property
    def target(self) -> Place | None:
        """Return what the selected row is about."""
        return self.row.place if self.row is not None else None

    @property
    def marked(self) -> tuple[SessionRef, ...]:
        """Return the sessions that are marked, in a steady order."""
        return tuple(sorted(self.view.marked, key=lambda one: (one.alias, one.id)))

    def unmark(self) -> None:
        """Mark nothing any more."""
        self.change(replace(self.view, marked=frozenset()))

    def reveal(self, target: Target) -> None:
        """Select a row, opening what hides it."""
        view = revealing(self.view, target, self.program.fleet.value, self.rows)
        self.change(replace(view, selected=target))

    def action_up(self) -> None:
        """Go one row up."""
        self._go(-1)

    def action_down(self) -> None:
        """Go one row down."""
        self._go(1)

    def action_page_up(self) -> None:
        """Go up as far as can be seen."""
        self._go(1 - max(2, self.forest.size.height))

    def action_page_down(self) -> None:
        """Go down as far as can be seen."""
        self._go(max(2, self.forest.size.height) - 1)

    def action_top(self) -> None:
        """Go to the first row."""
        self._go(-len(self.forest.sheet.rows))

    def action_bottom(self) -> None:
        """Go to the last row."""
        self._go(len(self.forest.sheet.rows))

    def _go(self, by: int) -> None:
        last = len(self.forest.sheet.rows) - 1
        if last >= 0:
            self.select(max(0, min(last, (self.forest.cursor or 0) + by)))

    def action_toggle(self) -> None:  # type: ignore[override] # Textual's toggles attributes
        """Open or close the row."""
        if self.row is not None and self.row.is_open is not None:
            self._turn(self.row, is_open=not self.row.is_open)

    def action_attach(self) -> None:
        """Attach to a session; open or close other rows."""
        if self.row is not None and self.row.known is None:
            self.action_toggle()
        else:
            super().action_attach()

    def action_expand(self) -> None:
        """Open the row; in an open one, go to what is first in it."""
        if self.row is None or self.row.is_open is None:
            return
        if self.row.is_open:
            self._go(1)
        else:
            self._turn(self.row, is_open=True)

    def action_collapse(self) -> None:
        """Close the row; from a closed one, go to what it is part of."""
        row, at = self.row, self.forest.cursor
        if row is None or at is None:
            return
        if row.is_open:
            self._turn(row, is_open=False)
            return
        above = reversed(range(at))
        depths = (one for one in above if self.forest.sheet.rows[one].depth < row.depth)
        self.select(next(depths, at))

    def _turn(self, row: Row, *, is_open: bool) -> None:
        at = self.forest.cursor
        self.change(self.view.opened(row.place) if is_open else self.view.closed(row.place))
        if row.hidden and at is not None:
            self.select(at)  # the first of those that were hidden
        elif is_open and self.forest.cursor is not None:
            self.forest.show_below(self.forest.cursor)

    def action_collapse_all(self) -> None:
        """Close all projects."""
        row = self.row
        project = row.project.ref if row is not None and row.project is not None else None
        self.change(replace(self.view.collapsed(), selected=project or self.view.selected))

    def action_sort(self) -> None:
        """Go to the next order."""
        self.change(replace(self.view, sort=_next((*SortBy,), self.view.sort)))
        self.say(f"Sorted by {self.view.sort.replace('_', ' ')}")

    def action_filter(self) -> None:
        """Go to the next filter."""
        self.change(self.view.filtering(_next((*Filter,), self.view.filter)))

    def action_mark(self) -> None:
        """Mark the session, or no longer, and go on to the next row."""
        if isinstance(self.target, SessionRef):
            self.change(self.view.marking(self.target))
            self._go(1)

    def action_next_waiting(self) -> None:
        """Go to the next session that waits for a person, around the end."""
        places = waiting(self.rows, self.program.fleet.value.entries)
        if not places:
            self.say("Nothing waits for you.")
            return
        after = places.index(self.target) + 1 if self.target in places else 0
        self.reveal(next(chain(places[after:], places)))


def _next(values: tuple[T, ...], value: T) -> T:
    return values[(values.index(value) + 1) % len(values)]
