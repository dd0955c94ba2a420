"""Error details, help, attention."""

from __future__ import annotations

from dataclasses import replace

from tests.rig.desk import NOW, ONE, entry, seat

from opencoderouter.core.fleet.control import Failed
from opencoderouter.core.fleet.model import HostRef, HostState, Report
from opencoderouter.core.fleet.refs import GroupRef


async def test_the_last_error_and_that_of_the_row() -> None:
    """What was not done comes first, then what is wrong with the selected row."""
    host = entry(replace(ONE, error="ProviderAuthError"))
    async with seat(host, answers={"archive": Failed("Not archived", "boom")}) as at:
        await at.press("d", "a", "e")
        assert at.text.index("boom") < at.text.index("ProviderAuthError")


async def test_the_error_of_a_host() -> None:
    """Why it is not reached, and what mends it."""
    report = Report(HostState.HOST_KEY_CHANGED, NOW, reason="changed", mend=("ssh-keygen -R prod",))
    async with seat(entry(report=report)) as at:
        at.table.selected = HostRef("prod")
        await at.press("e")
        assert "prod: host key changed" in at.text
        assert "ssh-keygen -R prod" in at.text


async def test_no_error() -> None:
    """That is said."""
    async with seat() as at:
        await at.press("e")
        at.table.selected = GroupRef("all")
        await at.press("e")
        assert (at.over, at.toasts) == ("Table", ["There was no error."] * 2)


async def test_help_and_attention() -> None:
    """Each opens its screen, and closes again."""
    async with seat() as at:
        await at.press("question_mark")
        assert at.over == "Help"
        await at.press("escape", "w")
        assert at.over == "Attention"
        await at.press("escape")
        assert at.over == "Table"
