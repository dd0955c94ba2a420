"""A client's socket: how it is written to, read from, and waited for."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Self, cast

from opencoderouter.proxy.lane.waiting import Waiting

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a mere close would look like a good end


class Client(asyncio.Protocol):
    """One socket. What has come and nobody has taken stays in bounds: ``ahead`` octets.

    ``peer`` is the client's address; it is ``full`` while it does not take what is written.
    """

    __slots__ = (
        "_ahead",
        "_blocked",
        "_buffer",
        "_held",
        "_last",
        "_queue",
        "full",
        "peer",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead
        self.peer = ""
        self.full = False
        self._buffer = b""  # what nobody has looked at yet
        self._blocked = False  # who takes it does not keep up
        self._held = False  # is not read from at the moment
        self._last = False  # the last answer is written: what still comes is not looked at
        self._queue: Waiting[Self] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        address = transport.get_extra_info("peername")
        self.peer = address[0] if address else ""

    def write(self, data: bytes) -> None:
        """Send."""
        self.transport.write(data)

    def hold(self) -> None:
        """Read no more until ``release``."""
        self._blocked = True
        self._pace()

    def finish(self) -> None:
        """Say no more, but listen."""
        with suppress(OSError):  # gone already
            if not self.transport.is_closing() and self.transport.can_write_eof():
                self.transport.write_eof()

    def reset(self) -> None:
        """Close at once, so that it cannot be taken for a good end."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def _pace(self) -> None:
        hold = self._blocked or (len(self._buffer) > self._ahead and not self._last)
        if hold == self._held or self.transport.is_closing():
            return
        self._held = hold
        if hold:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _wait(self, queue: Waiting[Self] | None) -> None:
        if queue is self._queue:
            return
        if self._queue is not None:
            self._queue.discard(self)
        self._queue = queue
        if queue is not None:
            queue.add(self)
