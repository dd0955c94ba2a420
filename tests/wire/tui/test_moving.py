"""Keys that move, open, close, narrow and mark."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.rig.roster import made_up, quiet
from tests.rig.stage import stage

from opencoderouter.core.fleet.control import Failed
from opencoderouter.core.fleet.model import HostRef
from opencoderouter.core.fleet.preferences import SortBy
from opencoderouter.core.fleet.view import Filter


@pytest.mark.parametrize(
    ("keys", "at"),
    [
        (("j", "down", "k"), 1),
        (("end",), 165),
        (("end", "home", "up"), 0),
        (("pagedown",), 31),
        (("pagedown", "pagedown", "pageup"), 31),
    ],
)
async def test_moving(keys: tuple[str, ...], at: int) -> None:
    """Arrows, letters, pages and ends move, and stop at the ends."""
    async with stage() as seen:
        await seen.press(*keys)
        assert seen.main.forest.cursor == at


async def test_expand_and_collapse() -> None:
    """Right opens, then goes in; left closes, then goes out; session, project, host, group."""
    async with stage() as seen:
        await seen.press("down", "down", "right")
        assert seen.is_open()
        await seen.press("right")
        assert seen.kind() == "SessionRef"
        await seen.press("right", "left")
        assert seen.kind() == "ProjectRef"
        await seen.press("left")
        assert seen.is_open() is False
        await seen.press("h")
        assert seen.name == "Main API"
        await seen.press("h", "h")
        assert seen.name == "production"
        await seen.press("l", "l")
        assert seen.name == "Main API"


@pytest.mark.parametrize("key", ["space", "enter"])
async def test_toggle(key: str) -> None:
    """Space and Enter open a host or project, and close it."""
    async with stage() as seen:
        await seen.press("down", key)
        assert seen.is_open() is False
        await seen.press(key)
        assert seen.is_open()


async def test_attach() -> None:
    """Enter on a session asks for what attaches to it."""
    async with stage() as seen:
        await seen.press("down", "down", "space", "down")
        place = seen.row.place
        seen.control.answers["attach"] = Failed("not now")
        await seen.press("space")  # does nothing to a session
        assert seen.control.calls == []
        await seen.press("enter")
        assert seen.control.calls[0] == ("attach", place)


async def test_collapse_all() -> None:
    """All projects close; from a session the selection goes to its project."""
    async with stage() as seen:
        await seen.press("down", "down", "space", "down", "c")
        assert seen.kind() == "ProjectRef"
        assert seen.is_open() is False
        assert len(seen.main.forest.sheet.rows) == 166


async def test_more() -> None:
    """Enter on the row of the rest shows all sessions of a project."""
    async with stage() as seen:
        main = seen.main
        main.change(replace(main.view, max_display=1))
        await seen.press("down", "down", "space", "down", "down")
        assert seen.row.hidden
        await seen.press("enter")
        assert seen.kind() == "SessionRef"
        assert not any(row.hidden for row in main.forest.sheet.rows)


async def test_sort() -> None:
    """The key goes through all orders, says which it is, and comes back."""
    async with stage() as seen:
        await seen.press("s")
        assert str(seen.main.view.sort) == SortBy.NAME
        assert "[by name]" in seen.text
        await seen.press("s", "s")
        assert str(seen.main.view.sort) == SortBy.LAST_ACTIVITY


async def test_opening_at_the_bottom() -> None:
    """What is opened on the last line scrolls up, so that its sessions are seen."""
    async with stage(size=(120, 16)) as seen:
        forest = seen.main.forest
        at = next(at for at, row in enumerate(forest.sheet.rows) if at > 20 and row.project)
        seen.main.select(at)
        assert at == forest.top + forest.size.height - 1
        await seen.press("l")
        first = forest.sheet.rows[at + 1].known
        assert first is not None
        assert forest.top <= at < at + 1 < forest.top + forest.size.height
        assert first.session.title in seen.text


async def test_filter() -> None:
    """The key goes through the filters; the header says which, Esc shows all again."""
    async with stage() as seen:
        await seen.press("f")
        assert "[waiting]" in seen.text
        states = {row.known.status for row in seen.main.forest.sheet.rows if row.known}
        assert states == {"waiting"}
        await seen.press("escape")
        assert seen.main.view.filter is Filter.ALL


async def test_mark() -> None:
    """A session is marked, the next row selected; Esc takes the marks away."""
    async with stage() as seen:
        await seen.press("m")  # a group is not marked
        await seen.press("down", "down", "space", "down", "m", "m")
        assert len(list(seen.main.marked)) == 2
        assert "✓" in seen.text
        assert "archive 2" in seen.text
        await seen.press("escape")
        assert not list(seen.main.marked)
        assert "✓" not in seen.text


async def test_next_waiting() -> None:
    """The key goes to each session that waits, in closed projects too, and around the end."""
    async with stage() as seen:
        found = []
        for _ in range(6):
            await seen.press("W")
            assert seen.row.known is not None
            assert seen.row.known.status == "waiting"
            found.append(seen.row.place)
        assert len(set(found)) == 5
        assert found[5] == found[0]


async def test_nothing_waits() -> None:
    """Where nothing waits it says so."""
    async with stage(quiet(made_up(3, 9))) as seen:
        await seen.press("W")
        assert seen.toasts == ["Nothing waits for you."]


async def test_reveal() -> None:
    """What a search and a closed group hide is shown and selected."""
    async with stage() as seen:
        await seen.press("space", "slash", "z", "z", "z", "enter")
        place = HostRef("prod-ml-03")
        seen.main.reveal(place)
        await seen.settle()
        assert seen.row.place == place
