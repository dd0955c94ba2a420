"""Starting and restarting the servers of a directory."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from opencoderouter.core.fleet import launching
from opencoderouter.core.fleet.control import Done, Failed, Outcome
from opencoderouter.core.fleet.listening import Place
from opencoderouter.core.printable import printable
from opencoderouter.fleet.actions import routers, serving
from opencoderouter.fleet.actions.beginning import find_directory
from opencoderouter.fleet.actions.site import Here, Site

_READY = 45.0  # seconds
_LOOK = 0.5
_RESTARTING = serving.STARTING + 15.0
_REASONS = {
    "changed": "it is another process by now; look again",
    "guarded": "a router there manages it, and cannot be asked: is curl there?",
    "alive": "the server does not end",
}


async def start(site: Site, directory: str) -> Outcome:
    """Have a server in a directory; one that is there already is left alone."""
    real = await find_directory(site, directory)
    if isinstance(real, Failed):
        return real
    here = await site.here()
    if isinstance(here, Failed):
        return here
    if own := here.of(real):
        return _done(site, "a server runs there already", own[0].server.port)
    if found := await routers.find(site, here, real):
        return await routers.have(site, found, "start") or await _new_one(site, real, ())
    started = await serving.start(site, real)
    if isinstance(started, Failed):
        return started
    return _done(site, "server started", started.server.port)


async def restart(site: Site, directory: str) -> Outcome:
    """End the servers of a directory, what they have started first, and start one like the first.

    What a router manages is restarted by it.
    """
    here = await site.here()
    if isinstance(here, Failed):
        return here
    own = here.of(directory)
    if not own:
        return site.failed("no server runs there")
    if found := await _managed(site, here, directory):
        before = [place.server.pid for place in own]
        return await routers.have(site, found, "restart") or await _new_one(site, directory, before)
    for place in own:
        disposed = await site.ask(place, "POST", "/global/dispose", {})
        if isinstance(disposed, Failed):
            return disposed
    return await _again(site, directory, own)


async def _managed(site: Site, here: Here, directory: str) -> routers.Managed | None:
    marked = any(place.server.managed for place in here.of(directory))
    return await routers.find(site, here, directory) if marked else None


async def _again(site: Site, directory: str, own: Sequence[Place]) -> Outcome:
    known = [(one.server.pid, one.server.port) for one in own if one.server.pid]
    if not known:
        return site.failed("the host does not tell which process the server is")
    told = await site.tell(launching.restart(site.program, directory, known), _RESTARTING)
    if isinstance(told, Failed):
        return told
    if told.failed in _REASONS:
        return site.failed(_REASONS[told.failed], f"process {told.detail}")
    if told.failed:
        return site.reason(told)
    return _done(site, "server restarted", told.port)


async def _new_one(site: Site, directory: str, before: Collection[int | None]) -> Outcome:
    """Wait for a server of the directory that was not there before, and that answers."""
    try:
        async with asyncio.timeout(_READY):
            while True:
                here = await site.here()
                own = () if isinstance(here, Failed) else here.of(directory)
                new = [one for one in own if one.server.pid not in before]
                place = await site.open_one(new)
                if isinstance(place, Place):
                    return _done(site, "the router has started the server", place.server.port)
                await asyncio.sleep(_LOOK)
    except TimeoutError:
        return site.failed(f"the router has not started the server within {_READY:g} s")


def _done(site: Site, what: str, port: int) -> Done:
    return Done(f"{printable(site.host.name)}: {what} (port {port})", str(port))
