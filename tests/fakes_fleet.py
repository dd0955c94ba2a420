"""Stand-ins for what the fleet is asked with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from opencoderouter.core.fleet.control import (
    Detail,
    Done,
    Failed,
    Foreground,
    Outcome,
    Progress,
)
from opencoderouter.core.fleet.fleet import Entry, Fleet
from opencoderouter.core.fleet.model import Ask, ProjectRef, SessionRef, Unreached, Via
from opencoderouter.core.fleet.preferences import Hosts, Preferences
from opencoderouter.core.fleet.select import select
from opencoderouter.core.fleet.transport import Completed, NotForwarded
from opencoderouter.preferences.reader import Reader
from opencoderouter.watch import Watch


@dataclass
class FakeControl:
    """A ``Control`` that writes down what it is asked, and answers what a test has set.

    ``answers`` are by the name of the method; what has none is done. While ``held`` is not None,
    everything waits for it.
    """

    answers: dict[str, object] = field(default_factory=dict)
    calls: list[tuple[object, ...]] = field(default_factory=list)
    refreshed: list[tuple[str, ...] | None] = field(default_factory=list)
    progress: tuple[str, ...] = ()
    held: asyncio.Event | None = None

    def refresh(self, aliases: Collection[str] | None = None) -> None:
        """Write it down."""
        self.refreshed.append(None if aliases is None else tuple(aliases))

    async def detail(self, session: SessionRef) -> Detail | Failed:
        """Answer what is set, or nothing known."""
        answer = await self._asked("detail", session)
        return answer if isinstance(answer, Detail | Failed) else Detail()

    async def attach(self, session: SessionRef) -> Foreground | Failed:
        """Answer what is set, or an ssh command."""
        answer = await self._asked("attach", session)
        shown = f"ssh -t {session.alias} opencode -s {session.id}"
        usual = Foreground(("ssh", "-t", session.alias), shown)
        return answer if isinstance(answer, Foreground | Failed) else usual

    async def login(self, alias: str) -> tuple[Foreground, ...] | Failed:
        """Answer what is set, or no command."""
        answer = await self._asked("login", alias)
        return answer if isinstance(answer, tuple | Failed) else ()

    async def new(self, project: ProjectRef, prompt: str = "", agent: str = "") -> Outcome:
        """Be done, with the id ``ses_new``."""
        return await self._done("new", project, prompt, agent, value="ses_new")

    async def abort(self, session: SessionRef) -> Outcome:
        """Be done."""
        return await self._done("abort", session)

    async def archive(self, session: SessionRef) -> Outcome:
        """Be done."""
        return await self._done("archive", session)

    async def delete(self, session: SessionRef) -> Outcome:
        """Be done, with a file."""
        return await self._done("delete", session, value="/home/me/ses.json")

    async def reply(self, alias: str, ask: Ask, answers: tuple[tuple[str, ...], ...]) -> Outcome:
        """Be done."""
        return await self._done("reply", alias, ask, answers)

    async def clone(self, alias: str, url: str, target: str, progress: Progress) -> Outcome:
        """Tell the progress that is set; be done, with the directory."""
        for line in self.progress:
            progress(line)
        return await self._done("clone", alias, url, target, value=target)

    async def start(self, project: ProjectRef) -> Outcome:
        """Be done, with a port."""
        return await self._done("start", project, value="4096")

    async def restart(self, project: ProjectRef) -> Outcome:
        """Be done."""
        return await self._done("restart", project)

    async def browse(self, session: SessionRef) -> Outcome:
        """Be done, with a URL."""
        return await self._done("browse", session, value="http://127.0.0.1:4096/")

    async def _done(self, name: str, *arguments: object, value: str = "") -> Outcome:
        answer = await self._asked(name, *arguments)
        return answer if isinstance(answer, Done | Failed) else Done(f"{name}: done", value)

    async def _asked(self, name: str, *arguments: object) -> object:
        self.calls.append((name, *arguments))
        if self.held is not None:
            await self.held.wait()
        return self.answers.get(name)


@dataclass
class FakeLink:
    """A host that runs every command to the same end; ``ran`` are the commands."""

    end: Completed | Unreached
    ran: list[str] = field(default_factory=list)
    via: Via = Via.FABRIC
    via_reason: str = ""

    async def run(
        self,
        command: str,
        *,
        stdin: bytes = b"",
        within: float,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Completed | Unreached:
        """Take note of the command."""
        del stdin, within
        self.ran.append(command)
        if on_output is not None and isinstance(self.end, Completed):
            on_output(self.end.stdout)
        return self.end

    async def connect(
        self, port: int, *, address: str = "127.0.0.1", within: float
    ) -> NotForwarded:
        """Connect nowhere."""
        del address, within
        return NotForwarded(f"{port}: this is a fake")


@dataclass
class FakeLinks:
    """``Links`` of these hosts."""

    hosts: Mapping[str, FakeLink] = field(default_factory=dict)

    def link(self, alias: str) -> FakeLink:
        """Return the link of a host."""
        return self.hosts[alias]


@dataclass
class FakeOpened:
    """A fleet as a command gets it. ``later`` are the fleets that are published while it runs."""

    fleet: Watch[Fleet]
    control: FakeControl = field(default_factory=FakeControl)
    links: FakeLinks = field(default_factory=FakeLinks)
    later: Sequence[Fleet] = ()
    opened: list[tuple[Preferences, tuple[str, ...], Path | None]] = field(default_factory=list)
    asked: int = 0

    async def once(self) -> Fleet:
        """Count."""
        self.asked += 1
        return self.fleet.value

    async def run(self) -> None:
        """Publish what comes later."""
        for fleet in self.later:
            await asyncio.sleep(0)
            self.fleet.set(fleet)
        await asyncio.Event().wait()

    async def reread(self, reader: Reader, told: Callable[[tuple[str, ...]], object]) -> None:
        """Read nothing."""
        del reader, told
        await asyncio.Event().wait()

    @asynccontextmanager
    async def open(
        self, preferences: Preferences, given: Sequence[str], *, exports: Path | None = None
    ) -> AsyncIterator[FakeOpened]:
        """Take note of what it was opened with; have those hosts only, as long as it is open."""
        self.opened.append((preferences, tuple(given), exports))
        before = self.fleet
        if given:
            entries = before.value.entries
            hosts = select(tuple(entries), given, Hosts(ignore=(), local=False))
            named = {one.alias: entries.get(one.alias, Entry(one)) for one in hosts}
            self.fleet = Watch(replace(before.value, entries=named))
        try:
            yield self
        finally:
            self.fleet = before
