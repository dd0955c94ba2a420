"""The commands that let a host let us in."""

from __future__ import annotations

import pytest
from tests.rig.desk import EVIL, seat

from opencoderouter.core.fleet.control import Foreground
from opencoderouter.core.fleet.preferences import Display, Preferences
from opencoderouter.tui.modals.login import Login

COMMANDS = (Foreground(("ssh",), "ssh -Nf jump"), Foreground(("ssh",), "ssh -Nf prod"))


async def test_shows_why_and_what_in_order() -> None:
    """The reason, then the commands as a person would type them."""
    async with seat() as at:
        await at.show(Login("prod", "Permission denied", COMMANDS))
        places = [at.text.find(part) for part in ("denied", "ssh -Nf jump", "ssh -Nf prod")]
        assert -1 not in places
        assert places == sorted(places)


@pytest.mark.parametrize("how", ["enter", "x", "click"])
async def test_run_here(how: str) -> None:
    """It answers that they are to be run."""
    async with seat() as at:
        answers = await at.show(Login("prod", "", COMMANDS))
        await (at.click("run it here") if how == "click" else at.press(how))
        assert answers == [True]


async def test_copies() -> None:
    """They go to the clipboard one a line, and it stays open."""
    async with seat() as at:
        answers = await at.show(Login("prod", "", COMMANDS))
        await at.press("y")
        assert at.bench.copied == ["ssh -Nf jump\nssh -Nf prod"]
        await at.press("escape")
        assert answers == [None]


async def test_text_of_others() -> None:
    """A banner in the reason, or an odd alias, is text."""
    plain = Preferences(display=Display(unicode=False))
    async with seat(preferences=plain, size=(140, 40)) as at:
        await at.show(Login(EVIL, EVIL, (Foreground(("ssh",), EVIL),)))
        assert at.harmless
