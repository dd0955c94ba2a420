"""Errors in full."""

from __future__ import annotations

import pytest
from tests.rig.desk import EVIL, seat

from opencoderouter.core.fleet.control import Failed
from opencoderouter.core.fleet.preferences import Display, Preferences
from opencoderouter.tui.modals.error_detail import ErrorDetail

FIRST = Failed("Not archived", "HTTP 500\nboom", ("ssh-keygen -R prod", "ssh prod true"))
SECOND = Failed("prod: unreachable")


async def test_shows_everything() -> None:
    """Summary, details and what mends it, of each failure."""
    async with seat() as at:
        await at.show(ErrorDetail([FIRST, SECOND]))
        words = ("Not archived", "HTTP 500", "boom", "ssh-keygen -R prod", "prod: unreachable")
        assert all(word in at.text for word in words)


@pytest.mark.parametrize("how", ["y", "click"])
async def test_copies(how: str) -> None:
    """All of it goes to the clipboard as it is, and that is said; it stays open."""
    async with seat() as at:
        await at.show(ErrorDetail([FIRST, SECOND]))
        await (at.click("copy") if how == "click" else at.press(how))
        text = (
            "Not archived\nHTTP 500\nboom\nssh-keygen -R prod\nssh prod true\n\nprod: unreachable"
        )
        assert at.bench.copied == [text]
        assert at.toasts == ["Copied."]
        assert at.over == "ErrorDetail"


async def test_scrolls_by_lines() -> None:
    """The arrows and j, k scroll."""
    async with seat(size=(60, 16)) as at:
        await at.show(ErrorDetail([Failed("Top", "\n".join(map(str, range(40))))]))
        await at.press("down", "j", "j")
        assert "Top" not in at.text
        await at.press("up", "k", "k")
        assert "Top" in at.text


async def test_text_of_others() -> None:
    """Nothing in it is obeyed."""
    plain = Preferences(display=Display(unicode=False))
    async with seat(preferences=plain, size=(140, 40)) as at:
        await at.show(ErrorDetail([Failed(EVIL, EVIL, (EVIL,))]))
        assert at.harmless
