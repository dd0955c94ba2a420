"""``GET /api/events``: the feed as server-sent events (WHATWG HTML section 9.2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from opencoderouter.proxy import pages
from opencoderouter.proxy.closing import unless
from opencoderouter.proxy.feed import Change, Event, Feed
from opencoderouter.proxy.view import Json, Row

RETRY = b"retry: 1000\n\n"
HEADERS = {**pages.HEADERS, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: of silence before a heartbeat, and for a client to take what was written to it.

    Proxies on the way cut what is silent for a minute; a client that does not read is let go.
    """

    heartbeat: float = 10.0
    patience: float = 30.0


@dataclass(frozen=True, slots=True)
class Words:
    """How one client is told.

    ``row`` makes links that fit its address; ``seen`` is when each project was last seen.
    """

    row: Callable[[Row], Json]
    router: Callable[[], Json]
    now: Callable[[], str]
    seen: Callable[[], Json]

    def event(self, event: Event) -> bytes:
        """Return an event of the feed as it is sent."""
        number, what = event
        if isinstance(what, Change):
            data: Json = {"changed": self._rows(what.changed), "removed": list(what.removed)}
            return encode("change", data, number)
        data = {"now": self.now(), "router": self.router(), "backends": self._rows(what.rows)}
        return encode("snapshot", data, number)

    def heartbeat(self) -> bytes:
        """Return what is sent when nothing changed: not numbered, so not replayed."""
        return b": alive\n" + encode("seen", {"now": self.now(), "last_seen": self.seen()})

    def _rows(self, rows: Iterable[Row]) -> list[Json]:
        return [self.row(row) for row in rows]


def encode(event: str, data: Json, number: str | None = None) -> bytes:
    """Return one event. Without a number a client keeps the last one it got."""
    head = f"id: {number}\n" if number else ""
    return f"{head}event: {event}\ndata: {json.dumps(data)}\n\n".encode()


class Stream:
    """The answer to one client, which says in ``Last-Event-ID`` what it has already."""

    def __init__(self, request: web.Request, feed: Feed, words: Words, pace: Pace) -> None:
        self._request, self._feed, self._words, self._pace = request, feed, words, pace
        self._last = request.headers.get("Last-Event-ID")
        self._bell = asyncio.Event()
        self._response = web.StreamResponse(headers=HEADERS)

    async def run(self, closing: asyncio.Event) -> web.StreamResponse:
        """Write until ``closing`` is set or the client is gone, or does not read."""
        await self._response.prepare(self._request)
        await unless(closing, self._follow())
        return self._response

    async def _follow(self) -> None:
        async with asyncio.TaskGroup() as group:
            ringing = group.create_task(self._feed.ring(self._bell), name="events: bell")
            await self._write()
            ringing.cancel()

    async def _write(self) -> None:
        with suppress(ConnectionError, TimeoutError):
            await self._send(RETRY)
            while True:
                self._bell.clear()
                for event in self._feed.after(self._last):
                    await self._send(self._words.event(event))
                    self._last = event[0]
                while not await self._rung():
                    await self._send(self._words.heartbeat())

    async def _rung(self) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.heartbeat):
                return await self._bell.wait()
        return False

    async def _send(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._pace.patience):
                await self._response.write(data)
        except TimeoutError:
            if self._request.transport is not None:
                self._request.transport.abort()  # else the end of the answer waits for it again
            raise
