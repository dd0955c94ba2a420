"""Tests of the door to all actions: each goes to its host, which is asked again afterwards."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tests.rig.landline import Landlines
from tests.wire.fleet.actions.conftest import Box

from opencoderouter.core.fleet.control import Control, Detail, Done, Failed, Foreground
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import (
    Ask,
    HostSpec,
    HostState,
    Live,
    ProjectRef,
    Report,
    Session,
    SessionRef,
)
from opencoderouter.core.fleet.preferences import Ssh
from opencoderouter.fleet.actions.actions import Actions, Surroundings


class Around:
    """What actions work with; ``refreshed`` are the hosts that were asked again."""

    def __init__(self, box: Box, directory: Path) -> None:
        self.refreshed: list[str] = []
        session = Session("ses_1", directory=str(directory))
        report = Report(HostState.ONLINE, 1.0, program=box.site.program, sessions=(session,))
        entry = Entry(HostSpec("box", local=True), report=report, good=report)
        self.surroundings = Surroundings(
            links=Landlines({"box": box.line}),
            fleet=lambda: Fleet({"box": entry}),
            ssh=Ssh,
            refresh=self.refresh,
            detail=self.detail,
            clock=lambda: 1_800_000_000.0,
            exports=box.home / "exports",
        )

    def refresh(self, aliases: Collection[str] | None) -> None:
        """Write it down."""
        self.refreshed += ["*"] if aliases is None else aliases

    async def detail(self, session: SessionRef) -> Detail | Failed:
        """Know nothing."""
        return Failed(session.id)


async def test_a_day(box: Box) -> None:
    """Everything that can be done, done to one host, one thing after the other."""
    directory = box.project("app")
    project = ProjectRef("box", str(directory))
    around = Around(box, directory)
    async with Actions(around.surroundings) as actions:
        control: Control = actions
        started = await control.start(project)
        made = await control.new(project, "work", "build")
        assert isinstance(made, Done)
        ref = SessionRef("box", made.value, str(directory))
        outcomes = [
            started,
            await control.browse(ref),
            await control.reply("box", Ask(Live.PERMISSION, "per_1", "ses_1", ""), (("once",),)),
            await control.abort(ref),
            await control.restart(project),
            await control.archive(ref),
            await control.delete(ref),
        ]
        assert [one for one in outcomes if not isinstance(one, Done)] == []
        assert isinstance(await control.attach(ref), Foreground)
        assert isinstance(await control.clone("box", "/none", "~/x", print), Failed)
        assert isinstance(await control.login("box"), Failed)
        assert await control.detail(ref) == Failed(ref.id)
        control.refresh()
    # All but attach, browse, login and detail change something, or may have half done it.
    assert around.refreshed == ["box"] * 8 + ["*"]


async def test_no_such_host(box: Box) -> None:
    """A host that the fleet does not have is never asked."""
    around = Around(box, box.home)
    session, project = SessionRef("a\nb", "ses_1", "/"), ProjectRef("a\nb", "/")
    async with Actions(around.surroundings) as actions:
        outcomes = [
            await actions.attach(session),
            await actions.login("a\nb"),
            await actions.new(project),
            await actions.abort(session),
            await actions.browse(session),
            await actions.clone("a\nb", "/x", "~/x", print),
        ]
    assert outcomes == [Failed("a\\nb: no host of this fleet")] * 6
    assert (box.line.sent, around.refreshed) == ([], [])
