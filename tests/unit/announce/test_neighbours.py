"""Other routers change with what is heard, with what is ours, and with who is accepted."""

from __future__ import annotations

import asyncio

from opencoderouter.announce.neighbours import Neighbours
from opencoderouter.core.announcement import ROUTER, Announcement, Service
from opencoderouter.core.peers import Accepted, Heard
from opencoderouter.watch import Watch

BOB = Heard(ROUTER, "ocr-bob", "ocr-bob.local", 8080, ("192.0.2.7",))
US = Heard(ROUTER, "ocr-us", "ocr-us.local", 8080, ("192.0.2.1",))
SOON = 20.0  # seconds, on a busy machine


async def test_follows_all_three() -> None:
    """Each of them alone changes what there is."""
    heard = Watch[tuple[Heard, ...]](())
    own, accepted = Watch(Announcement()), Watch[tuple[Accepted, ...]](())
    neighbours = Neighbours(heard, own, accepted)

    async def becomes(*wanted: tuple[str, bool]) -> None:
        async with asyncio.timeout(SOON):
            async for found in neighbours.peers.follow():
                if [(peer.label, peer.verified) for peer in found] == list(wanted):
                    return

    async with asyncio.TaskGroup() as group:
        task = group.create_task(neighbours.run())
        heard.set((BOB, US))
        await becomes(("ocr-bob", False), ("ocr-us", False))
        own.set(Announcement(frozenset({Service(ROUTER, "ocr-us", 8080)}), ("192.0.2.1",)))
        await becomes(("ocr-bob", False))
        accepted.set((Accepted("ocr-bob", ("192.0.2.7",), 8080),))
        await becomes(("ocr-bob", True))
        heard.set(())
        await becomes()
        task.cancel()
