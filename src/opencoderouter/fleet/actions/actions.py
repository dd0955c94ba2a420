"""All actions behind one door: what screens and commands are given."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from opencoderouter.core.fleet.control import Detail, Failed, Foreground, Outcome, Progress
from opencoderouter.core.fleet.fleet import Fleet
from opencoderouter.core.fleet.model import Ask, ProjectRef, SessionRef
from opencoderouter.core.fleet.preferences import Ssh
from opencoderouter.core.fleet.transport import Links
from opencoderouter.fleet.actions import (
    beginning,
    replies,
    repositories,
    servers,
    sessions,
    terminal,
)
from opencoderouter.fleet.actions.browse import Forwards
from opencoderouter.fleet.actions.serving import Moments
from opencoderouter.fleet.actions.site import Site, Sites

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What actions work with. ``clock`` gives seconds since the epoch.

    ``refresh`` and ``detail`` are those of ``Control``; ``exports`` is where deleted sessions are
    kept; ``fleet`` and ``ssh`` return what is so now.
    """

    links: Links
    fleet: Callable[[], Fleet]
    ssh: Callable[[], Ssh]
    refresh: Callable[[Collection[str] | None], None]
    detail: Callable[[SessionRef], Awaitable[Detail | Failed]]
    clock: Callable[[], float]
    exports: Path


class Actions:
    """``core.fleet.control.Control``. Forwarded ports are there while the block runs.

    After what has changed something its host is asked again, also when it failed: it may have been
    half done.
    """

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._sites = Sites(around.fleet, around.links)
        self._forwards = Forwards()
        self._moments = Moments()

    async def __aenter__(self) -> Self:
        await self._forwards.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._forwards.__aexit__(kind, error, trace)

    def refresh(self, aliases: Collection[str] | None = None) -> None:
        """See ``Control``."""
        self._around.refresh(aliases)

    async def detail(self, session: SessionRef) -> Detail | Failed:
        """See ``Control``."""
        return await self._around.detail(session)

    async def attach(self, session: SessionRef) -> Foreground | Failed:
        """See ``Control``."""
        site = self._sites.site(session.alias)
        if isinstance(site, Failed):
            return site
        return await terminal.attach(site, self._around.ssh(), session)

    async def login(self, alias: str) -> tuple[Foreground, ...] | Failed:
        """See ``Control``."""
        entry = self._around.fleet().entries.get(alias)
        if entry is None:
            return self._sites.unknown(alias)
        link = self._around.links.link(alias)
        return await terminal.login(link, entry, self._around.ssh(), os.environ)

    async def new(self, project: ProjectRef, prompt: str = "", agent: str = "") -> Outcome:
        """See ``Control``."""
        return await self._change(
            "new",
            project.alias,
            lambda site: beginning.new(site, project.directory, prompt, agent),
        )

    async def abort(self, session: SessionRef) -> Outcome:
        """See ``Control``."""
        return await self._change(
            "abort", session.alias, lambda site: sessions.abort(site, session)
        )

    async def archive(self, session: SessionRef) -> Outcome:
        """See ``Control``. Several at once share what is started for it."""
        moments, clock = self._moments, self._around.clock
        return await self._change(
            "archive", session.alias, lambda site: sessions.archive(site, moments, session, clock)
        )

    async def delete(self, session: SessionRef) -> Outcome:
        """See ``Control``."""
        folder = self._around.exports
        return await self._change(
            "delete", session.alias, lambda site: sessions.delete(site, session, folder)
        )

    async def reply(self, alias: str, ask: Ask, answers: tuple[tuple[str, ...], ...]) -> Outcome:
        """See ``Control``."""
        directory = self._sites.directory(alias, ask.session)
        return await self._change(
            "reply", alias, lambda site: replies.reply(site, ask, answers, directory)
        )

    async def clone(self, alias: str, url: str, target: str, progress: Progress) -> Outcome:
        """See ``Control``."""
        return await self._change(
            "clone", alias, lambda site: repositories.clone(site, url, target, progress)
        )

    async def start(self, project: ProjectRef) -> Outcome:
        """See ``Control``."""
        return await self._change(
            "start", project.alias, lambda site: servers.start(site, project.directory)
        )

    async def restart(self, project: ProjectRef) -> Outcome:
        """See ``Control``."""
        return await self._change(
            "restart", project.alias, lambda site: servers.restart(site, project.directory)
        )

    async def browse(self, session: SessionRef) -> Outcome:
        """See ``Control``."""
        site = self._sites.site(session.alias)
        if isinstance(site, Failed):
            return site
        return await self._forwards.browse(site, session)

    async def _change(
        self, what: str, alias: str, act: Callable[[Site], Awaitable[Outcome]]
    ) -> Outcome:
        site = self._sites.site(alias)
        if isinstance(site, Failed):
            return site
        try:
            outcome = await act(site)
        finally:
            self._around.refresh([alias])
        verdict = "failed" if isinstance(outcome, Failed) else "done"
        _log.info("%s action=%s host=%s", verdict, what, alias)
        return outcome
