"""Somebody who announces with the program's own parts, and knows which names he has lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.rig.netns import Network

from opencoderouter.announce.mdns import Mdns
from opencoderouter.announce.stack import Stack
from opencoderouter.core.announcement import Announcement, Service
from opencoderouter.kernel.addresses import Interface, interfaces
from opencoderouter.watch import Watch

_PATIENCE = 40  # seconds
ADDRESSES = ("192.0.2.1", "2001:db8::1")


@dataclass(slots=True)
class Publisher:
    """Somebody who announces, and what has been lost."""

    said: Watch[Announcement]
    stack: Stack
    lost: list[str] = field(default_factory=list)
    losses: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, service: Service) -> None:
        """Note that a service has lost its name."""
        self.lost.append(service.label)
        self.losses.set()

    async def loses(self) -> None:
        """Return when one has, since the last time."""
        async with asyncio.timeout(_PATIENCE):
            await self.losses.wait()
        self.losses.clear()

    def say(self, *services: Service, addresses: tuple[str, ...] = ADDRESSES) -> None:
        """Announce these services, and no other."""
        self.said.set(Announcement(frozenset(services), addresses))


def cable(net: Network) -> Interface:
    """Return our end of the cable."""
    return next(one for one in interfaces() if net.here in one.addresses)


@dataclass(slots=True)
class Kernel:
    """Says what the test wants; ``failing`` is what it cannot say."""

    found: tuple[Interface, ...]
    failing: OSError | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    looks: Watch[int] = field(default_factory=lambda: Watch(0))

    def look(self) -> tuple[Interface, ...]:
        """Return the interfaces."""
        self.looks.set(self.looks.value + 1)
        if self.failing:
            raise self.failing
        return self.found

    async def changes(self) -> AsyncGenerator[None]:
        """Yield when there are others."""
        while True:
            await self.changed.wait()
            self.changed.clear()
            yield

    def now(self, *found: Interface) -> None:
        """Have these interfaces from now on."""
        self.found = found
        self.changed.set()


@asynccontextmanager
async def publishing(
    net: Network,
    *services: Service,
    addresses: tuple[str, ...] = ADDRESSES,
    stack: Stack | None = None,
) -> AsyncIterator[Publisher]:
    """Announce while the block lasts, at our end of the cable unless ``stack`` says otherwise.

    There nothing changes, though a cable that is just laid gets its link-local address late.
    """
    kernel = Kernel((cable(net),))
    stack = stack or Stack(look=kernel.look, changes=kernel.changes)
    made = Publisher(Watch(Announcement(frozenset(services), addresses)), stack)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(stack.run()),
            group.create_task(Mdns(stack, made.said, made.note).run()),
        ]
        yield made
        for task in tasks:
            task.cancel()
