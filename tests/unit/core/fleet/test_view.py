"""What a person has done to the tree."""

from __future__ import annotations

from dataclasses import replace

from opencoderouter.core.fleet.model import HostRef, ProjectRef, SessionRef
from opencoderouter.core.fleet.preferences import Sessions, SortBy
from opencoderouter.core.fleet.refs import GroupRef, MoreRef
from opencoderouter.core.fleet.view import UNTOUCHED, Filter, Fold, View

PROJECT = ProjectRef("a", "/p")
SESSION = SessionRef("a", "s", "/p")


def test_preferences() -> None:
    """Order, archived sessions and how many are shown are preferences."""
    view = View().preferring(Sessions(SortBy.NAME, show_archived=True, max_display=7))
    assert (view.sort, view.show_archived, view.max_display) == (SortBy.NAME, True, 7)


def test_chosen_order_stays() -> None:
    """Other preferences leave the order that a person has chosen; another order there does not."""
    chosen = replace(View().preferring(Sessions()), sort=SortBy.NAME)
    assert chosen.preferring(Sessions(max_display=3)).sort is SortBy.NAME
    assert chosen.preferring(Sessions(SortBy.HOST)).sort is SortBy.HOST


def test_narrowed() -> None:
    """A search or a filter narrows; a query of spaces does not."""
    assert not View(query="  ").narrowed
    assert View().searching("x").narrowed
    assert View().filtering(Filter.WAITING).narrowed


def test_fold() -> None:
    """Each kind of row opens and closes; what is closed again is as it was."""
    assert View().opened(PROJECT).fold("a") == Fold(open=frozenset({"/p"}))
    assert View().closed(HostRef("a")).fold("a").closed
    assert View().closed(HostRef("a")).opened(HostRef("a")).fold("a") == UNTOUCHED
    assert View().closed(GroupRef("g")).groups == {"g"}
    assert View().closed(GroupRef("g")).opened(GroupRef("g")).groups == frozenset()
    assert View().opened(SESSION) == View()


def test_full() -> None:
    """A project that shows all its sessions shows as many as before when it is opened again."""
    view = View().opened(PROJECT).opened(MoreRef("a", "/p"))
    assert view.fold("a").full == {"/p"}
    assert view.closed(PROJECT).fold("a").full == frozenset()


def test_another_search_opens_again() -> None:
    """What was closed within a search may open with the next one."""
    view = View(query="x").closed(PROJECT)
    assert view.fold("a").shut == {"/p"}
    assert view.searching("xy").fold("a").shut == frozenset()
    assert view.filtering(Filter.ERRORED).fold("a").shut == frozenset()


def test_collapsed() -> None:
    """All projects close, hosts stay as they are."""
    view = View().opened(PROJECT).closed(HostRef("b")).collapsed()
    assert (view.fold("a"), view.fold("b").closed) == (UNTOUCHED, True)


def test_marking() -> None:
    """A mark is set, and taken away by the same key."""
    assert View().marking(SESSION).marked == {SESSION}
    assert View().marking(SESSION).marking(SESSION).marked == frozenset()
