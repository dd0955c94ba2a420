"""The command palette."""

from __future__ import annotations

from tests.rig.desk import AT_ONE, EVIL, ONE, TWO, Seat, entry, seat
from textual.command import CommandPalette
from textual.fuzzy import Matcher

from opencoderouter.core.fleet.keys import ACTIONS
from opencoderouter.core.fleet.model import HostRef, ProjectRef
from opencoderouter.core.fleet.preferences import Display, Preferences
from opencoderouter.tui.palette import Command, Palette

SYSTEM = ("Screenshot", "Maximize", "Minimize", "Keys")


async def found(at: Seat, query: str) -> dict[str, Command]:
    """Return what the palette has for a query, by name."""
    palette = Palette(at.table)
    hits = palette.search(query) if query else palette.discover()
    return {str(hit.text): Command(str(hit.text), str(hit.help), hit.command) async for hit in hits}


async def test_all_actions() -> None:
    """Without a query there are the actions but those that move, and nothing of Textual's."""
    async with seat() as at:
        names = [*await found(at, "")]
        moving = {"up", "down", "expand", "collapse", "toggle", "panel_up", "panel_down"}
        assert len(names) == len({*ACTIONS} - moving) + 1  # the theme
        assert "Stop or archive  (d)" in names
        assert not any(name.startswith(SYSTEM) for name in names)


async def test_runs_an_action() -> None:
    """What is chosen is done, to the selected row."""
    async with seat() as at:
        await at.press("ctrl+p", *"stop or arch")
        await at.bench.workers.wait_for_complete()
        await at.settle()
        assert "Stop the work of a session, or archive it" in at.text
        await at.press("enter")
        assert at.over == "Choose"
        await at.press("a")
        assert at.control.calls == [("archive", AT_ONE)]


async def test_goes_to_hosts_and_projects() -> None:
    """They are found by name; what is chosen is selected in the tree."""
    async with seat(entry(ONE, TWO, label="Main server")) as at:
        by_name = await found(at, "tools")
        by_name["Go to /srv/tools on Main server"].run()
        (await found(at, "main"))["Go to Main server"].run()
        assert at.table.revealed == [ProjectRef("prod", "/srv/tools"), HostRef("prod")]


async def test_over_other_screens() -> None:
    """Where there are no rows, only the theme can be changed; the palette closes with Esc."""
    async with seat() as at:
        await at.press("w", "ctrl+p")
        assert isinstance(at.bench.screen, CommandPalette)
        names = [str(hit.text) async for hit in Palette(at.bench.screen_stack[1]).discover()]
        assert names == ["Theme"]
        await at.press("escape")
        assert at.over == "Attention"


async def test_text_of_others() -> None:
    """Names of hosts and directories are text, marked where they match."""
    plain = Preferences(display=Display(unicode=False))
    async with seat(entry(ONE, label=EVIL), preferences=plain, size=(140, 40)) as at:
        await at.press("ctrl+p", *"bold")
        await at.bench.workers.wait_for_complete()
        await at.settle()
        assert "[b]bold[/b][@click=app.quit]go[/]" in at.text
        assert r"\x1b]52" in at.text


def test_matching_letters_are_marked() -> None:
    """As the palette does it itself, but for text that is no markup."""
    hit = Command("[b]x", "", lambda: None).hit(Matcher("x"))
    assert hit is not None
    assert str(hit.match_display) == "[b]x"
    assert [(span.start, span.end) for span in hit.match_display.spans] == [(3, 4)]  # type: ignore[union-attr]  # Content
    assert Command("abc", "", lambda: None).hit(Matcher("x")) is None
