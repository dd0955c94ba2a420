"""After ``101 Switching Protocols``: bytes from one connection to the other, both ways.

The two sockets get protocols of their own, so that nothing of HTTP stands in between. A side that
cannot take more makes the other wait; a side that has finished (half-close) may still receive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from opencoderouter.proxy.closing import unless
from opencoderouter.proxy.pool import Upstream

Lost = Callable[[BaseException | None], None]


async def tunnel(request: web.BaseRequest, upstream: Upstream, closing: asyncio.Event) -> None:
    """Join the two connections until one of them ends, or ``closing`` is set. Closes both."""
    client, backend = request.transport, upstream.protocol.transport
    if client is None or backend is None:
        return
    over = _join(request, upstream, client, backend)
    try:
        await unless(closing, over.wait())
    finally:
        if not over.is_set():
            client.abort()
            backend.abort()


def _join(
    request: web.BaseRequest,
    upstream: Upstream,
    client: asyncio.Transport,
    backend: asyncio.Transport,
) -> asyncio.Event:
    """Give both sockets over; return what is set when one is gone. Nothing here waits."""
    over = asyncio.Event()
    early, late = _Tail(), _Tail()
    request.protocol.set_parser(early)  # type: ignore[arg-type]  # anything that can be fed
    upstream.protocol.set_parser(late, None)

    def lost(error: BaseException | None) -> None:
        over.set()
        # The server of aiohttp does not hear of its connection's end any more.
        request.protocol.connection_lost(error)

    near = _End(backend, lost)
    far = _End(client, lambda _: over.set())
    near.twin, far.twin = far, near
    client.set_protocol(near)
    backend.set_protocol(far)
    backend.write(early.data)
    client.write(late.data)
    return over


class _Tail:
    """Takes what an HTTP parser left over."""

    def __init__(self) -> None:
        self.data = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Keep ``data``."""
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        """Hear of the end, which the sockets tell us themselves."""


class _End(asyncio.Protocol):
    """One end of a tunnel: what arrives here leaves at the ``other`` socket."""

    twin: _End

    def __init__(self, other: asyncio.Transport, lost: Lost) -> None:
        self._other, self._lost = other, lost
        self._finished = False

    def data_received(self, data: bytes) -> None:
        self._other.write(data)

    def pause_writing(self) -> None:
        with suppress(RuntimeError):  # uvloop, when it is closing
            self._other.pause_reading()

    def resume_writing(self) -> None:
        with suppress(RuntimeError):
            self._other.resume_reading()

    def eof_received(self) -> bool:
        """Pass the end on; the other direction goes on until it ends too."""
        self._finished = True
        if self.twin._finished:  # noqa: SLF001 - the same class
            self._other.close()
            return False
        if self._other.can_write_eof():
            self._other.write_eof()
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        self._other.close()
        self._lost(exc)
