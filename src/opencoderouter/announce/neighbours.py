"""The other routers of now: of what is heard, of what is ours, and of who is accepted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from opencoderouter.core.announcement import Announcement
from opencoderouter.core.peers import Accepted, Heard, Peer, peers
from opencoderouter.watch import Watch

_PAUSE = 0.5  # seconds from one change to the next, for who is flooded


class Neighbours:
    """Keeps ``peers``. ``own`` is what this router tells itself."""

    def __init__(
        self,
        heard: Watch[tuple[Heard, ...]],
        own: Watch[Announcement],
        accepted: Watch[tuple[Accepted, ...]],
    ) -> None:
        self._heard, self._own, self._accepted = heard, own, accepted
        self.peers: Watch[tuple[Peer, ...]] = Watch(())

    async def run(self) -> None:
        """Service: follow all three, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for news in (self._heard, self._own, self._accepted):
                group.create_task(self._follow(news.follow()), name="neighbours")

    async def _follow(self, news: AsyncIterator[object]) -> None:
        async for _ in news:
            found = peers(self._heard.value, self._own.value, self._accepted.value)
            if found != self.peers.value:
                self.peers.set(found)
            await asyncio.sleep(_PAUSE)
