"""Servers that are started on a host: to stay, or for a moment in which one question is asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from opencoderouter.core.basic import basic
from opencoderouter.core.fleet import launching, scripts
from opencoderouter.core.fleet.control import Failed
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.fleet.model import Server
from opencoderouter.core.fleet.scripts import Told
from opencoderouter.fleet.actions.site import Site

STARTING = launching.PATIENCE + 15.0  # seconds: it gives up by itself, and says why
_TRIES, _TRY = 10, 2.0  # seconds each
_log = logging.getLogger(__name__)


async def start(site: Site, directory: str) -> Place | Failed:
    """Start a server that stays, whoever goes."""
    told = await site.tell(launching.start(site.program, directory), STARTING)
    if isinstance(told, Failed):
        return told
    if told.failed:
        return site.reason(told)
    where = scripts.real_path(told.words.get("directory", ""))
    _log.info("server started host=%s port=%d", site.host.alias, told.port)
    return await _answering(site, _place(told, where))


@asynccontextmanager
async def for_a_moment(site: Site, directory: str) -> AsyncIterator[Place | Failed]:
    """Have a server while the block runs. Should we be gone, it ends all the same.

    It works in the user's home where the directory is gone: OpenCode finds a session's own.
    """
    told = await site.tell(launching.moment(site.program, directory), STARTING)
    if not isinstance(told, Failed) and told.failed == "directory":
        told = await site.tell(launching.moment(site.program, "~"), STARTING)
    if isinstance(told, Failed) or told.failed:
        yield told if isinstance(told, Failed) else site.reason(told)
        return
    place = _place(told, directory)
    try:
        yield await _answering(site, place)
        await site.ask(place, "POST", "/global/dispose", {})  # it may have started tools
    finally:
        await site.run(launching.end(told.words.get("lease", "")))


async def _answering(site: Site, place: Place) -> Place | Failed:
    """Return a new server when it answers.

    When it says that it listens, it may still leave a connection for ever without an answer.
    """
    for _ in range(_TRIES):
        answer = await site.ask(place, "GET", "/global/health", within=_TRY)
        if not isinstance(answer, Failed):
            return place
    return site.failed("the new server does not answer")


def _place(told: Told, directory: str) -> Place:
    secret = told.words.get("password")
    authorization = basic("opencode", secret) if secret else None
    server = Server(told.port, directory=directory, managed=True)
    return Place(server, authorization=authorization)


@dataclass(slots=True)
class _Room:
    """A server for a moment, and how many use it. ``door``: one of them at a time starts it."""

    guests: int = 0
    door: asyncio.Lock = field(default_factory=asyncio.Lock)
    exits: AsyncExitStack = field(default_factory=AsyncExitStack)
    place: Place | Failed | None = None


class Moments:
    """Servers for a moment that several share: archiving ten sessions at once starts one."""

    def __init__(self) -> None:
        self._rooms: dict[tuple[str, str], _Room] = {}

    @asynccontextmanager
    async def server(self, site: Site, directory: str) -> AsyncIterator[Place | Failed]:
        """Have a server while the block runs; who comes while it does shares it."""
        key = (site.host.alias, directory)
        room = self._rooms.setdefault(key, _Room())
        room.guests += 1
        try:
            async with room.door:
                if room.place is None:
                    server = for_a_moment(site, directory)
                    room.place = await room.exits.enter_async_context(server)
            yield room.place
        finally:
            room.guests -= 1
            if not room.guests:
                del self._rooms[key]
                await room.exits.aclose()
