"""Connections to backends, kept a while for the next request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp.client_proto import ResponseHandler
from aiohttp.http import StreamWriter

from opencoderouter.core.model import Listener
from opencoderouter.proxy.wire import BUFFER, FIELD, FIELDS, LINE

CONNECT = 5.0  # seconds; it is the same machine
IDLE = 15.0  # seconds; OpenCode itself closes after more than 330
MOST = 16  # idle connections per backend; a burst of requests leaves many more

Key = tuple[str, int, int | None]


@dataclass(frozen=True, slots=True, eq=False)
class Upstream:
    """A connection to a backend."""

    protocol: ResponseHandler
    writer: StreamWriter
    key: Key

    def expect(self, *, bodiless: bool) -> None:
        """Make ready to read the answer to one request. ``bodiless`` for the answer to HEAD."""
        self.protocol.set_response_params(
            skip_payload=bodiless,
            read_until_eof=True,
            auto_decompress=False,
            read_bufsize=BUFFER,
            max_line_size=LINE,
            max_field_size=FIELD,
            max_headers=FIELDS,
        )


class Pool:
    """Opens connections and keeps those that another request may use."""

    def __init__(self, *, idle: float = IDLE) -> None:
        self._for = idle
        self._idle: dict[Key, dict[ResponseHandler, asyncio.TimerHandle]] = {}

    def take(self, listener: Listener) -> Upstream | None:
        """Return a connection that was kept, the one used last, or None."""
        idle = self._idle.get(listener.key, {})
        while idle:
            protocol, timer = idle.popitem()
            timer.cancel()
            if protocol.is_connected() and not protocol.should_close:
                return _upstream(protocol, listener.key)
            protocol.abort()
        return None

    async def open(self, listener: Listener) -> Upstream:
        """Return a new connection. Raises OSError, also when it takes too long."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT):
            _, protocol = await loop.create_connection(
                lambda: ResponseHandler(loop), listener.target, listener.port
            )
        return _upstream(protocol, listener.key)

    def keep(self, upstream: Upstream) -> None:
        """Take a connection back whose answer has been read to its end.

        It is closed when unfit, and when enough are kept.
        """
        if upstream.protocol.should_close or len(self._idle.get(upstream.key, ())) >= MOST:
            upstream.protocol.abort()
            return
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._for, self._drop, upstream)
        self._idle.setdefault(upstream.key, {})[upstream.protocol] = timer

    def close(self) -> None:
        """Close all connections that are kept."""
        for idle in self._idle.values():
            for protocol, timer in idle.items():
                timer.cancel()
                protocol.abort()
        self._idle.clear()

    def _drop(self, upstream: Upstream) -> None:
        idle = self._idle[upstream.key]
        del idle[upstream.protocol]
        if not idle:
            del self._idle[upstream.key]
        upstream.protocol.abort()


def _upstream(protocol: ResponseHandler, key: Key) -> Upstream:
    writer = StreamWriter(protocol, asyncio.get_running_loop())
    return Upstream(protocol, writer, key)
