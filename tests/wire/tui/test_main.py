"""The main screen: search, panel, keys, sizes, and what happens to the selection."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.rig.roster import NOW, made_up
from tests.rig.stage import Stage, stage
from textual.events import Key
from textual.keys import key_to_character

from opencoderouter.core.fleet.control import Detail, Failed, Message
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import (
    HostSpec,
    HostState,
    ProjectRef,
    Report,
    Session,
    SessionRef,
)
from opencoderouter.core.fleet.preferences import KEYS, Preferences
from opencoderouter.core.fleet.view import Filter
from opencoderouter.tui.room import Room

EVIL = "\x1b]0;x\x07\x1b[2J[bold]b[/][@click=app.quit]\nnew\u202eline\u200b\u0301é👩" + "x" * 10_000


def one_host(*sessions: Session, alias: str = "web") -> Fleet:
    """Return a fleet of one host."""
    report = Report(HostState.ONLINE, NOW, sessions=sessions)
    return Fleet({alias: Entry(HostSpec(alias), report=report, good=report)})


async def to_session(seen: Stage) -> SessionRef:
    """Go to the first session of the first project; return it."""
    await seen.press("down", "down", "space", "down")
    assert isinstance(seen.row.place, SessionRef)
    return seen.row.place


async def test_search() -> None:
    """What is typed is searched at once, and is no shortcut; the best match is selected."""
    async with stage() as seen:
        await seen.press("slash", *"dqrn login")
        assert seen.main.header.box.value == "dqrn login"
        assert "Nothing for 'dqrn login'" in seen.text
        await seen.press("ctrl+u", *"terraform")
        assert seen.name == "terraform"
        assert seen.row.score
        assert seen.control.refreshed == []
        assert seen.app.is_running


async def test_arrows_work_while_typing() -> None:
    """Arrows move in the tree from the box; Enter goes there and does not attach."""
    async with stage() as seen:
        await seen.press("slash", *"gpu", "down")
        assert seen.types()
        at = seen.main.forest.cursor
        await seen.press("enter", "j")
        assert not seen.types()
        assert seen.main.forest.cursor == (at or 0) + 1
        assert seen.control.calls == []


async def test_escape_clears() -> None:
    """Esc clears the search, shows all, and stays on what was selected."""
    async with stage() as seen:
        await seen.press("slash", *"flaky", "enter")
        place = seen.row.place
        await seen.press("escape")
        assert seen.main.view.query == ""
        assert seen.main.header.box.value == ""
        assert seen.row.place == place


async def test_typing_ahead() -> None:
    """Keys that come all at once, as over a slow line, are what they are one by one."""
    async with stage() as seen:
        for key in ("slash", *"dsm", "enter", "j", "slash", *"fq", "enter", "r"):
            seen.app.post_message(Key(key, key_to_character(key)))
        await seen.settle()
        assert seen.main.header.box.value == "dsmfq"
        assert not seen.types()
        assert seen.main.view.filter is Filter.ALL
        assert seen.control.refreshed == [None]
        assert seen.app.screen is seen.main


@pytest.mark.parametrize("key", ["g", "n", "d", "D"])
async def test_typing_ahead_of_a_dialog(key: str) -> None:
    """Keys that come before the dialog is there are no shortcuts of the tree, nor of the dialog."""
    async with stage(one_host(Session("ses_1", "Fix", "/p", updated=NOW))) as seen:
        await seen.press("down", "space", "down")
        for one in (key, *"fsmr", "slash"):
            seen.app.post_message(Key(one, key_to_character(one)))
        await seen.settle()
        assert seen.app.screen is not seen.main
        assert (seen.main.view.filter, seen.main.view.marked) == (Filter.ALL, frozenset())
        assert seen.control.refreshed == []
        await seen.press("escape", "r")
        assert seen.control.refreshed == [None]


async def test_no_action_while_typing() -> None:
    """Keys that are no letters do nothing to the fleet while somebody types."""
    async with stage() as seen:
        await seen.press("slash", "ctrl+r", "tab")
        assert seen.types()
        assert seen.app.screen is seen.main


async def test_refresh_and_quit() -> None:
    """``r`` asks all hosts, ``q`` and ctrl+c leave."""
    async with stage() as seen:
        await seen.press("r")
        assert seen.control.refreshed == [None]
        await seen.press("q")
        assert seen.app._exit  # noqa: SLF001 - that it was asked to end
    async with stage() as seen:
        await seen.press("slash", "ctrl+c")
        assert seen.app._exit  # noqa: SLF001


@pytest.mark.parametrize(
    ("size", "where"),
    [
        ((140, 40), Room.BESIDE),
        ((80, 24), Room.BELOW),
        ((60, 16), Room.ALONE),
        ((59, 16), Room.SMALL),
    ],
)
async def test_sizes(size: tuple[int, int], where: Room) -> None:
    """The panel is beside, below or away; below 60x16 one line says so."""
    async with stage(size=size) as seen:
        assert seen.main.has_class(where)
        assert ("is needed" in seen.text) == (where is Room.SMALL)
        assert all(sum(one.cell_length for one in line) == size[0] for line in seen.lines)


async def test_resizing() -> None:
    """The selected row stays in view while the window shrinks, and the panel finds its place."""
    async with stage(size=(140, 40)) as seen:
        await seen.press("end")
        name = seen.name
        await seen.pilot.resize_terminal(60, 16)
        await seen.settle()
        assert name in seen.text
        assert not seen.panel()


async def test_panel() -> None:
    """Tab shows and hides the panel, ``i`` shows it, also where there is little room."""
    async with stage(size=(60, 16)) as seen:
        await seen.press("i")
        assert "8 of 8 on" in seen.text
        await seen.press("i")
        assert seen.panel()
        await seen.press("tab")
        assert not seen.panel()
        await seen.press("tab")
        assert "8 of 8 on" in seen.text


async def test_detail() -> None:
    """When the selection rests on a session, more is read of it and shown."""
    detail = Detail((Message("user", "Find out why."),))
    async with stage(answers={"detail": detail}) as seen:
        place = await to_session(seen)
        await shown(seen, "Find out why.")
        assert seen.control.calls == [("detail", place)]


async def test_detail_that_failed() -> None:
    """That it could not be read is shown."""
    async with stage(answers={"detail": Failed("no answer")}) as seen:
        await to_session(seen)
        await shown(seen, "no answer")


async def shown(seen: Stage, text: str) -> None:
    """Wait until something is drawn."""
    async with asyncio.timeout(20):
        while text not in seen.text:
            await seen.pilot.pause(0.02)
            await seen.settle()


async def test_selection_stays() -> None:
    """The selected item stays selected when others come before it, and when its host is asked."""
    before = Session("s1", "First", "/p", updated=NOW - 60)
    async with stage(one_host(before)) as seen:
        await seen.press("down", "space", "down")
        assert seen.name == "First"
        newer = Session("s2", "Newer", "/p", updated=NOW)
        await seen.show(one_host(newer, before))
        assert (seen.name, seen.main.forest.cursor) == ("First", 3)
        await seen.show(one_host(newer))
        assert seen.name == "Newer"


async def test_row_stays_where_it_is() -> None:
    """The selected row is drawn on the same line after hosts have come above it."""
    fleet = made_up(24, 300)
    async with stage(fleet) as seen:
        await seen.press("pagedown", "pagedown", "up")
        place, line = seen.row.place, seen.main.forest.cursor or 0
        line -= seen.main.forest.top
        more = {"first": Entry(HostSpec("first")), **fleet.entries}
        await seen.show(replace(fleet, entries=more))
        assert seen.row.place == place
        assert (seen.main.forest.cursor or 0) - seen.main.forest.top == line


async def test_footer_follows() -> None:
    """The footer has the keys of the selected row, as they are mapped."""
    keys = {**KEYS, "attach": ("o",), "browser": ("enter",)}
    async with stage(preferences=Preferences(keybindings=keys)) as seen:
        assert "o close" in seen.text
        await seen.press("o")
        assert seen.is_open() is False
        await seen.press("o", "down", "down", "space")
        await seen.press("down")
        assert "o attach" in seen.text


async def test_clicks() -> None:
    """A click selects, one on the arrow or a second one opens or closes."""
    async with stage() as seen:
        await seen.click("opencoderouter  /home")
        assert seen.row.place == ProjectRef("prod-api-00", "/home/dev/src/opencoderouter")
        assert seen.is_open() is False
        await seen.click("▸ opencoderouter")
        assert seen.is_open()
        await seen.click("opencoderouter  /home", times=2)
        assert seen.is_open() is False
        await seen.press("home")
        await seen.click("tab panel")
        assert not seen.panel()


@pytest.mark.parametrize(
    ("fleet", "text"),
    [
        (Fleet(), "No hosts."),
        (Fleet({"a": Entry(HostSpec("a"))}), "not asked yet"),
        (one_host(), "web"),
    ],
)
async def test_empty(fleet: Fleet, text: str) -> None:
    """No hosts, none asked yet, no sessions: each says what it is."""
    async with stage(fleet) as seen:
        assert text in seen.text
        await seen.press("down", "up", "enter", "space", "right", "left", "m", "c", "W", "s", "f")


async def test_hosts_come_and_go() -> None:
    """From no hosts to some and back."""
    async with stage(Fleet()) as seen:
        await seen.show(one_host())
        assert "No hosts." not in seen.text
        await seen.show(Fleet())
        assert "No hosts." in seen.text


async def test_countdown() -> None:
    """The countdown follows the clock."""
    async with stage() as seen:
        seen.clock.now = NOW + 20
        seen.main._count()  # noqa: SLF001 - what is done each second
        await seen.settle()
        assert "↻  4s" in seen.text


async def test_text_of_others() -> None:
    """Whatever hosts say, only cells that can be seen are drawn, and lines are as wide as ever."""
    session = Session(EVIL, EVIL, f"/{EVIL}", agent=EVIL, error=EVIL, updated=NOW)
    report = Report(HostState.ONLINE, NOW, sessions=(session,), reason=EVIL, version=EVIL)
    entry = Entry(HostSpec(EVIL, label=EVIL, group=EVIL), report=report, good=report)
    detail = Detail((Message(EVIL, EVIL),), error=EVIL)
    async with stage(Fleet({EVIL: entry}, problems=(EVIL,)), answers={"detail": detail}) as seen:
        await seen.press("down", "down", "space", "down", "slash", "b", "enter")
        for _ in range(2):
            for line in seen.lines:
                assert all(one.text.isprintable() for one in line)
                assert sum(one.cell_length for one in line) == 120
            assert seen.app.is_running
            await seen.pilot.resize_terminal(120, 20)
            await seen.settle()
