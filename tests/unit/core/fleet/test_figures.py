"""The figures of a whole fleet."""

from __future__ import annotations

from opencoderouter.core.fleet.figures import empty, figures, refresh_in
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.line import Pen, Span
from opencoderouter.core.fleet.model import HostSpec, SessionRef
from opencoderouter.core.fleet.preferences import Display, SortBy
from opencoderouter.core.fleet.projects import Tally
from opencoderouter.core.fleet.view import Filter, View

PEN = Pen(Display(), 100.0)
COUNTS = Tally(200, 173, 4879, 4, 2, 1)


def text(spans: tuple[Span, ...]) -> str:
    """Return what pieces say."""
    return "".join(piece for piece, _ in spans)


def test_wide_and_narrow() -> None:
    """A wide screen has words, a narrow one only numbers."""
    wide = figures(COUNTS, View(), PEN, 140)
    assert "OpenCode fleet" in text(wide.title)
    assert text(wide.all) == "  173/200 hosts  4,879 sessions  ⠋4  🟡2  🔴1 "
    narrow = figures(COUNTS, View(), PEN, 60)
    assert text(narrow.title) == " "
    assert text(narrow.all) == "  173/200  4.9k  ⠋4  🟡2  🔴1 "


def test_what_is_on() -> None:
    """Filter, order and marks are not forgotten."""
    marked = frozenset({SessionRef("a", "s", "/p")})
    view = View(filter=Filter.WAITING, sort=SortBy.NAME, marked=marked)
    shown = text(figures(COUNTS, view, PEN, 140).all)
    assert shown.startswith(" [waiting] [by name] [1 marked]")


def test_countdown() -> None:
    """The countdown is always as wide; nothing counts where nothing may move."""
    waiting = Fleet(next_at=112.0)
    shown = [
        text(refresh_in(waiting, PEN)),
        text(refresh_in(Fleet(sweeping=True), PEN)),
        text(refresh_in(Fleet(), PEN)),
        text(refresh_in(waiting, Pen(Display(animation=False), 100.0))),
        text(refresh_in(waiting, Pen(Display(unicode=False), 100.0))),
    ]
    assert shown == [" ↻ 12s ", " ↻   … ", " ↻     ", " ↻     ", " @ 12s "]


def test_empty() -> None:
    """Where there is nothing to see, it says why, and what to do."""
    some = Fleet({"a": Entry(HostSpec("a"))})
    nothing = empty(Fleet(problems=("config: line 3",)), View(), Tally())
    assert (nothing[0], nothing[-1]) == ("No hosts.", "config: line 3")
    assert "'zzz'" in empty(some, View(query="zzz"), COUNTS)[0]
    assert "waiting" in empty(some, View(filter=Filter.WAITING), COUNTS)[0]
    assert empty(some, View(), COUNTS) == ()
