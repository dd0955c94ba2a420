"""A repository that is cloned."""

from __future__ import annotations

import asyncio

import pytest
from tests.rig.desk import EVIL, Seat, seat
from textual.widgets import Input

from opencoderouter.core.fleet.clone import refusal
from opencoderouter.core.fleet.control import Done, Failed, Outcome, Progress
from opencoderouter.core.fleet.preferences import Display, Preferences
from opencoderouter.tui.modals.clone import Clone

URL = "https://example.org/team/app.git"


class Host:
    """A host that clones: what it was asked, and what it says."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = [*outcomes]
        self.asked: list[tuple[str, str]] = []
        self.go_on = asyncio.Event()
        self.stopped = False

    async def clone(self, url: str, target: str, progress: Progress) -> Outcome:
        """Say how it goes; come to the next outcome when that is let happen."""
        self.asked.append((url, target))
        progress("Receiving objects:  42%")
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.stopped = True
            raise
        return self.outcomes.pop(0)


def field(at: Seat, name: str) -> Input:
    """Return a field."""
    return at.bench.screen.query_one(f"#{name}", Input)


async def test_clones() -> None:
    """The directory follows the URL; progress is shown; it answers with what came of it."""
    host = Host(Done("Cloned", "/home/me/app"))
    async with seat() as at:
        answers = await at.show(Clone("prod", host.clone))
        field(at, "url").value = URL
        await at.settle()
        assert field(at, "target").value == "~/app"
        await at.press("enter")
        assert "Receiving objects:  42%" in at.text
        await at.press("enter")
        host.go_on.set()
        await at.settle()
        assert host.asked == [(URL, "~/app")]
        assert answers == [Done("Cloned", "/home/me/app")]


async def test_a_directory_of_ones_own() -> None:
    """What was typed there is not overwritten."""
    host = Host(Done("Cloned", "/srv/x"))
    host.go_on.set()
    async with seat() as at:
        await at.show(Clone("prod", host.clone))
        field(at, "target").value = "/srv/x"
        field(at, "url").value = URL
        await at.settle()
        await at.click("enter clone")
        assert host.asked == [(URL, "/srv/x")]


@pytest.mark.parametrize(
    ("url", "target", "why"),
    [
        ("--upload-pack=x", "~/x", refusal("--upload-pack=x")),
        ("ext::sh -c x", "~/x", refusal("ext::sh -c x")),
        ("https://me:secret@example.org/x", "~/x", "credentials"),
        ("", "~/x", "no address"),
        (URL, "", "begins with / or ~/"),
        (URL, "-x", "begins with / or ~/"),
    ],
)
async def test_refused(url: str, target: str, why: str) -> None:
    """What is wrong is said, and nothing is asked of the host."""
    host = Host()
    async with seat() as at:
        await at.show(Clone("prod", host.clone))
        field(at, "url").value = url
        await at.settle()
        field(at, "target").value = target
        await at.press("enter")
        assert why in at.text
        assert host.asked == []


async def test_checked_while_it_is_typed() -> None:
    """The reason stands there before Enter, and goes with what is wrong."""
    async with seat() as at:
        await at.show(Clone("prod", Host().clone))
        await at.type("ext::")
        assert refusal("ext::") in at.text
        field(at, "url").value = URL
        await at.settle()
        assert refusal("ext::") not in at.text


async def test_a_failure_can_be_tried_again() -> None:
    """Why is shown, the fields can be changed, and the next try counts."""
    host = Host(Failed("Not cloned", "repository not found"), Done("Cloned", "/home/me/app"))
    host.go_on.set()
    async with seat() as at:
        answers = await at.show(Clone("prod", host.clone))
        field(at, "url").value = URL
        await at.press("enter")
        assert "Not cloned" in at.text
        assert "repository not found" in at.text
        assert answers == []
        await at.press("enter")
        assert answers == [Done("Cloned", "/home/me/app")]


async def test_closing_stops_the_clone() -> None:
    """Nothing goes on that nobody sees."""
    host = Host()
    async with seat() as at:
        answers = await at.show(Clone("prod", host.clone))
        field(at, "url").value = URL
        await at.press("enter", "escape")
        assert answers == [None]
        assert host.stopped


async def test_text_of_others() -> None:
    """What the host or git says is drawn as text."""
    host = Host(Failed(EVIL, EVIL))
    host.go_on.set()
    plain = Preferences(display=Display(unicode=False))
    async with seat(preferences=plain, size=(140, 40)) as at:
        await at.show(Clone("prod", host.clone))
        field(at, "url").value = URL
        await at.press("enter")
        assert at.harmless
