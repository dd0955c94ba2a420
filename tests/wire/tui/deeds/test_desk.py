"""What all deeds have in common."""

from __future__ import annotations

import asyncio

from tests.rig.desk import AT_ONE, AT_TWO, EVIL, ONE, calls, entry, seat

from opencoderouter.core.fleet.control import Done, Failed
from opencoderouter.core.fleet.model import HostRef
from opencoderouter.core.fleet.preferences import KEYS, Display, Preferences


async def test_one_deed_at_a_time_for_a_target() -> None:
    """A key that is pressed again while it is being done does nothing; afterwards it does."""
    async with seat() as at:
        at.control.held = asyncio.Event()
        await at.press("enter", "enter", "o", "enter")
        assert calls(at.control) == ["attach"]
        at.control.held.set()
        at.control.held = None
        await at.settle()
        await at.press("enter")
        assert calls(at.control) == ["attach", "attach"]


async def test_other_targets_do_not_wait() -> None:
    """What takes its time for one session holds up neither another one nor the screen."""
    async with seat() as at:
        at.control.held = asyncio.Event()
        await at.press("enter")
        at.table.selected = AT_TWO
        await at.press("enter", "question_mark")
        assert [call[1] for call in at.control.calls] == [AT_ONE, AT_TWO]
        assert at.over == "Help"
        at.control.held.set()


async def test_what_came_of_it() -> None:
    """A result is told as it is; the host is asked again."""
    async with seat(answers={"archive": Done("Archived “Fix”")}) as at:
        await at.press("d", "a")
        assert at.toasts[-1] == "Archived “Fix”"
        assert at.control.refreshed == [("prod",)]


async def test_what_was_not_done() -> None:
    """A failure is told with the key for its details, which shows them; the host is asked again."""
    failure = Failed("Not archived", "HTTP 500 boom", ("mend it",))
    preferences = Preferences(keybindings={**KEYS, "error_detail": ("f9",)})
    async with seat(answers={"archive": failure}, preferences=preferences) as at:
        await at.press("d", "a")
        assert at.toasts[-1] == "Not archived\nf9: details"
        assert at.control.refreshed == [("prod",)]
        await at.press("e")
        assert "HTTP 500 boom" in at.text
        assert "mend it" in at.text


async def test_no_key_for_details() -> None:
    """A failure is told without a key that is not there."""
    preferences = Preferences(keybindings={**KEYS, "error_detail": ()})
    async with seat(answers={"archive": Failed("Not archived")}, preferences=preferences) as at:
        await at.press("d", "a")
        assert at.toasts[-1] == "Not archived"


async def test_targets_are_looked_at_again() -> None:
    """Sessions and hosts that are gone are told so; those that are there pass."""
    async with seat() as at:
        assert at.table.there(AT_ONE)
        assert at.table.there(HostRef("prod"))
        at.lose(AT_ONE)
        assert not at.table.there(AT_ONE)
        assert not at.table.there(HostRef("gone"))
        await at.settle()
        assert at.toasts == ["It is no longer there: nothing was done."] * 2


async def test_text_of_others() -> None:
    """Toasts are one line of text, whatever is in them."""
    plain = Preferences(display=Display(unicode=False))
    async with seat(entry(ONE, label=EVIL), preferences=plain, size=(140, 40)) as at:
        for outcome in (Done(EVIL), Failed(EVIL)):
            at.table.tell(outcome)
            await at.settle()
            text = "".join("".join(at.text.split("▌")).split())
            assert r"\x1b]52;c;QQ==\x07\x1b[31m\nline" in text
            assert "[b]bold[/b][@click=app.quit]go[/]" in text
            at.bench.clear_notifications()
