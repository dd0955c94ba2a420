"""The DNS sidecar: answers for the projects of a router that is another process, or far away."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable

from opencoderouter.announce.follow import Away, Follower, Target
from opencoderouter.announce.stack import Stack
from opencoderouter.fields import format_listening
from opencoderouter.presence import Presence, near, present
from opencoderouter.settings import Settings
from opencoderouter.wiring import loop
from opencoderouter.wiring.manager import manager
from opencoderouter.wiring.resolver import resolver
from opencoderouter.wiring.signals import stop_on_signals

_log = logging.getLogger(__name__)
Place = tuple[str, int]
Find = Callable[[], Target | Away]
Say = Callable[[tuple[Place, ...]], object]


def run(settings: Settings, places: tuple[Place, ...], find: Find, say: Say) -> int:
    """Answer at ``places`` until SIGINT or SIGTERM; returns the exit code.

    ``find`` tells which router to follow, each time anew. ``say`` gets the places once they are
    bound. Raises ``announce.dns.binding.Unbound`` when one cannot be.
    """
    return loop.run(_main(settings, places, find, say))


async def _main(settings: Settings, places: tuple[Place, ...], find: Find, say: Say) -> int:
    stop, by = stop_on_signals(), manager(os.environ)
    follower = Follower(find)
    stack = Stack(settings.mdns_interface) if settings.mdns else None
    dns = resolver(settings, places, follower.told, stack)
    say(dns.places)
    here = Presence("dns", "dns", *near(dns.places))
    with present(settings.state_dir, here):
        async with asyncio.TaskGroup() as group:
            services = [
                group.create_task(service.run(), name=type(service).__name__.lower())
                for service in (dns, follower, stack)
                if service is not None
            ]
            states = by.stand(_states(follower, here))
            services += [
                group.create_task(by.beat(), name="beat"),
                group.create_task(states, name="standing"),
            ]
            await stop.wait()
            by.stopping()
            for service in services:
                service.cancel()
    _log.info("stopped %s", " ".join(f"{name}={number}" for name, number in dns.counts.items()))
    return 0


async def _states(follower: Follower, here: Presence) -> AsyncIterator[str]:
    """Yield the one line that a service manager shows."""
    async for told in follower.told.follow():
        count = sum(1 for one in told.services if one.slug is not None)
        yield f"{count} project{'' if count == 1 else 's'}, DNS at {format_listening(here[2:])}"
