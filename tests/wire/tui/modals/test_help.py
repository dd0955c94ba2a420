"""All keys as they are mapped now, and all signs."""

from __future__ import annotations

from tests.rig.desk import seat

from opencoderouter.core.fleet.keys import SECTIONS
from opencoderouter.core.fleet.preferences import KEYS, Display, Preferences
from opencoderouter.tui.modals.help import Help

TALL = (100, 90)


async def test_all_of_it() -> None:
    """Each section and action is there with its key, and each state with its sign."""
    async with seat(size=TALL) as at:
        await at.show(Help(KEYS, Display()))
        effects = [words[1] for section in SECTIONS.values() for words in section.values()]
        text = " ".join(at.text.split())
        assert [one for one in (*SECTIONS, *effects) if one not in text] == []
        assert all(part in at.text for part in ("🟢 ACTIVE", "🔴 ERRORED", "ctrl+r", "/  "))


async def test_keys_as_they_are_mapped() -> None:
    """A key that was moved is shown where it is; an action without a key shows none."""
    keys = {**KEYS, "git_clone": ("f9", "C"), "browser": ()}
    async with seat(size=TALL) as at:
        await at.show(Help(keys, Display()))
        lines = {line.strip(" │").partition("  ")[0]: line for line in at.text.splitlines()}
        assert "Clone a repository" in lines["f9 C"]
        assert "in the browser" in lines["-"]


async def test_plain() -> None:
    """Without Unicode there is none in it."""
    plain = Preferences(display=Display(unicode=False))
    async with seat(preferences=plain, size=TALL) as at:
        await at.show(Help(KEYS, plain.display))
        assert at.text.isascii()
        assert "* ACTIVE" in at.text


async def test_small_screen() -> None:
    """The end is reached with the arrows, and Esc closes."""
    async with seat(size=(60, 16)) as at:
        answers = await at.show(Help(KEYS, Display()))
        await at.press("down", "j", "end")
        assert "host: error" in at.text
        await at.press("escape")
        assert answers == [None]
