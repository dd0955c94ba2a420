"""``ocr``: a fleet of hosts, asked again and again, for the screen and for commands.

Nothing of the server is loaded; Fabric and the screens only when they are needed.
"""

from __future__ import annotations

import asyncio
import os
import random
import zlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from opencoderouter.core.fleet.control import Control, Detail, Failed
from opencoderouter.core.fleet.fleet import Fleet
from opencoderouter.core.fleet.model import HostSpec, Report, SessionRef
from opencoderouter.core.fleet.preferences import Preferences
from opencoderouter.core.fleet.select import select
from opencoderouter.core.fleet.transport import Links
from opencoderouter.core.printable import printable
from opencoderouter.fleet import ssh_config
from opencoderouter.fleet.actions.actions import Actions, Surroundings
from opencoderouter.fleet.ask import Asker
from opencoderouter.fleet.cache import CacheFile, keep
from opencoderouter.fleet.prober import Prober
from opencoderouter.fleet.resolve import SYSTEM, config_path
from opencoderouter.watch import Watch
from opencoderouter.wiring.clock import clock
from opencoderouter.wiring.reach import Reach

if TYPE_CHECKING:
    from opencoderouter.preferences.reader import Reader

_TERMINAL = 0  # the descriptor
_OFTEN = 1.0  # seconds between two looks at the file of the preferences
_SOON = 10.0  # seconds between two looks at those of ssh, all of which are read each time
Ends = Callable[[Callable[[], object]], AbstractContextManager[None]]
Listed = tuple[tuple[HostSpec, ...], tuple[str, ...]]  # and what is wrong with ssh's configuration


class Remote:
    """A fleet that can be asked. What it has opened is closed when its block ends.

    Sessions that are deleted are exported to ``exports``.
    """

    def __init__(
        self, preferences: Watch[Preferences], given: Sequence[str], exports: Path
    ) -> None:
        self.preferences, self._given = preferences, given
        self._cache = _cache(preferences.value)
        self._listed = listing(preferences.value, given)
        self._reach = Reach(preferences.value, self._is_local)
        self._asker = Asker(clock)
        self._prober = Prober(
            self._ask,
            preferences.value.polling,
            fleet=_known(self._cache, self._listed, preferences.value),
            clock=clock,
            draw=random.random,
        )
        self._actions = Actions(
            Surroundings(
                links=self._reach,
                fleet=lambda: self.fleet.value,
                ssh=lambda: self.preferences.value.ssh,
                refresh=self._prober.refresh,
                detail=self._detail,
                clock=clock,
                exports=exports,
            )
        )

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as end:
            await end.enter_async_context(self._reach)
            await end.enter_async_context(self._actions)
            self._end = end.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._end.__aexit__(kind, error, trace)

    @property
    def fleet(self) -> Watch[Fleet]:
        """Return what is known of the hosts."""
        return self._prober.fleet

    @property
    def control(self) -> Control:
        """Return what can be done."""
        return self._actions

    @property
    def links(self) -> Links:
        """Return how hosts are reached."""
        return self._reach

    async def once(self) -> Fleet:
        """Ask every host once."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._resolve(), name="ssh -G")
            await self._prober.once()
        if self._keeps():
            await asyncio.to_thread(self._cache.save, self.fleet.value)
        return self.fleet.value

    async def run(self) -> None:
        """Service: ask hosts again and again, follow what they are made of, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_files(), name="files")
            group.create_task(self._follow_preferences(), name="preferences")
            group.create_task(self._prober.run(), name="prober")
            group.create_task(keep(self.fleet, self._save), name="cache")

    async def reread(self, reader: Reader, told: Callable[[tuple[str, ...]], object]) -> None:
        """Service: follow the file of the preferences, until cancelled.

        ``told`` gets what is wrong with it, each time that it has changed.
        """
        while True:
            await asyncio.sleep(_OFTEN)
            if reader.changed():
                reading = await asyncio.to_thread(reader.read)
                told(tuple(map(str, reading.problems)))
                if reading.preferences != self.preferences.value:
                    self.preferences.set(reading.preferences)

    def _is_local(self, alias: str) -> bool:
        entry = self.fleet.value.entries.get(alias)
        return entry is not None and entry.host.local

    async def _ask(self, host: HostSpec) -> Report:
        link = self.links.link(host.alias)
        return await self._asker.ask(link, host, self.preferences.value)

    async def _detail(self, session: SessionRef) -> Detail | Failed:
        """Read a session, as ``core.fleet.control`` says."""
        from opencoderouter.fleet.detail import detail

        entry = self.fleet.value.entries.get(session.alias)
        if entry is None:
            return Failed(f"{printable(session.alias)}: no host of this fleet")
        link = self.links.link(session.alias)
        return await detail(link, session, opencode_path=entry.host.opencode_path)

    async def _follow_files(self) -> None:
        """See what has become of ssh's configuration."""
        while True:
            await self._look()
            await asyncio.sleep(_SOON)

    async def _follow_preferences(self) -> None:
        before = self.preferences.value
        async for now in self.preferences.follow():
            if now is before:
                continue
            self._prober.set_polling(now.polling)
            is_other = await self._reach.follow(now)
            if moves := now.ssh.config != before.ssh.config:
                await self._move(now)
            await self._look()
            if (is_other and not moves) or now.sessions != before.sessions:
                self._prober.refresh()
            before = now

    async def _move(self, preferences: Preferences) -> None:
        """Go over to another configuration of ssh, in which an alias means another host."""
        cache = _cache(preferences)
        listed = await asyncio.to_thread(listing, preferences, self._given)
        fleet = await asyncio.to_thread(_known, cache, listed, preferences)
        self._cache, self._listed = cache, listed
        self._prober.restart(fleet)

    async def _look(self) -> None:
        listed = await asyncio.to_thread(listing, self.preferences.value, self._given)
        if listed != self._listed:
            self._listed = listed
            self._prober.set_hosts(*listed)
        await self._resolve()

    async def _resolve(self) -> None:
        hosts = [host.alias for host in self._listed[0] if not host.local]
        self._prober.set_resolved(await self._reach.resolved(hosts))

    def _keeps(self) -> bool:
        """Tell whether to write the cache: not for a part of the fleet only."""
        return self.preferences.value.cache.persist and not self._given

    def _save(self, fleet: Fleet) -> None:
        if self._keeps():
            self._cache.save(fleet)


def _cache(preferences: Preferences) -> CacheFile:
    return CacheFile(cache_path(preferences.ssh.config), clock)


def _known(file: CacheFile, listed: Listed, preferences: Preferences) -> Fleet:
    """Return the fleet of the first moment."""
    (hosts, problems), cache = listed, preferences.cache
    known = file.load(hosts, cache.ttl) if cache.persist else Fleet().of(hosts)
    return Fleet(known.entries, problems=problems)


def opened(
    preferences: Preferences, given: Sequence[str], *, exports: Path | None = None
) -> Remote:
    """Return a fleet for the length of a block: of the ``given`` hosts, else of ssh's."""
    return Remote(Watch(preferences), given, exports or exports_path())


async def screen(reader: Reader, given: Sequence[str], ends: Ends) -> int:
    """Show a fleet until the user has enough of it; return the exit code.

    The preferences are read again whenever their file has changed. ``ends`` is given what ends the
    screen, for the length of a block.
    """
    if not os.environ.get("NO_COLOR"):
        os.environ.pop("NO_COLOR", None)  # empty, it means nothing (no-color.org); Textual differs
    from opencoderouter.tui.background import asked

    with asked(_TERMINAL, os.environ) as is_dark:  # what takes a while is done meanwhile
        from opencoderouter.tui.app import FleetApp
        from opencoderouter.tui.themes import Terminal

        reading = reader.read()
        preferences, problems = Watch(reading.preferences), Watch(tuple(map(str, reading.problems)))
        remote = Remote(preferences, given, exports_path())
        terminal = Terminal(is_dark(), colour=not os.environ.get("NO_COLOR"))
    fleet, control = remote.fleet, remote.control
    app = FleetApp(fleet, control, preferences, problems=problems, clock=clock, terminal=terminal)
    async with remote, asyncio.TaskGroup() as group:
        services = [
            group.create_task(_later(remote.run, app.drawn), name="fleet"),
            group.create_task(remote.reread(reader, problems.set), name="reader"),
        ]
        with ends(app.exit):
            await app.run_async()
        for service in services:
            service.cancel()
    if app.failure is not None:
        raise app.failure
    return app.return_code or 0


async def _later(run: Callable[[], Awaitable[None]], begun: asyncio.Event) -> None:
    """Run a service once the screen is there: what it loads would keep that waiting."""
    await begun.wait()
    await run()


def listing(preferences: Preferences, given: Sequence[str]) -> Listed:
    """Return the hosts of now, and what is wrong with the files that say which these are."""
    config = preferences.ssh.config
    read = [ssh_config.aliases(config_path(config), ssh_config.home())]
    if not config:  # with a file of its own, ssh does not read that of the machine
        read.append(ssh_config.system(SYSTEM))
    names = dict.fromkeys(name for one in read for name in one.names)
    problems = tuple(problem for one in read for problem in one.problems)
    return select(tuple(names), given, preferences.hosts), problems


def cache_path(config: str) -> Path:
    """Return where the cache is. An alias means another host in another configuration of ssh."""
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    mark = f"-{zlib.crc32(config.encode()):08x}" if config else ""
    return Path(base) / "opencoderouter" / f"fleet{mark}.json"


def exports_path() -> Path:
    """Return where sessions are kept that were deleted."""
    base = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return Path(base) / "opencoderouter" / "exports"
