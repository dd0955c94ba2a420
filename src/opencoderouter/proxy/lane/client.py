"""A client's socket: how it is written to, read from, and waited for."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any, Self, cast

from opencoderouter.core.grant import Caller
from opencoderouter.proxy.context import Address
from opencoderouter.proxy.lane.waiting import Waiting

_CONNECTED = frozenset({1, 8})  # TCP_ESTABLISHED, TCP_CLOSE_WAIT (linux/tcp_states.h)
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a mere close would look like a good end


class Client(asyncio.Protocol):
    """One socket. What has come and nobody has taken stays in bounds: ``ahead`` octets.

    ``address`` is the client's, with its port, ``peer`` without, and ``server`` where it came to.
    It is ``full`` while it does not take what is written.
    """

    __slots__ = (
        "_ahead",
        "_blocked",
        "_buffer",
        "_draining",
        "_held",
        "_last",
        "_queue",
        "_seen",
        "address",
        "full",
        "peer",
        "server",
        "transport",
    )

    transport: asyncio.Transport
    address: Address
    server: Address

    def __init__(self, ahead: int, draining: Waiting[Any]) -> None:
        self._ahead, self._draining = ahead, draining
        self.peer = ""
        self.full = False
        self._buffer = b""  # what nobody has looked at yet
        self._blocked = False  # who takes it does not keep up
        self._held = False  # is not read from at the moment
        self._last = False  # the last answer is written: what still comes is not looked at
        self._seen = 0  # octets, when it was last looked whether it takes any
        self._queue: Waiting[Self] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        self.address = _address(transport.get_extra_info("peername"))
        self.server = _address(transport.get_extra_info("sockname"))
        self.peer = self.address[0]

    def believed(self, caller: Caller) -> Caller:
        """Return who the client is, if what the kernel has told of its end was about this client.

        A client that resets the connection frees its address for others, while what it has sent
        may still be read. As long as our end is connected, that address is nobody else's.
        """
        return caller if caller.uid is None or self._is_connected() else Caller(caller.address)

    def _is_connected(self) -> bool:
        try:
            sock = self.transport.get_extra_info("socket")
            return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in _CONNECTED
        except (OSError, AttributeError):  # gone; or a system that does not tell
            return False

    def write(self, data: bytes) -> None:
        """Send."""
        self.transport.write(data)

    def hold(self) -> None:
        """Read no more until ``release``."""
        self._blocked = True
        self._pace()

    @property
    def can_finish(self) -> bool:
        """Tell whether the client can be told that no more is said to it: not so by TLS."""
        return self.transport.can_write_eof()

    def finish(self) -> None:
        """Say no more, but listen."""
        with suppress(OSError):  # gone already
            if self.can_finish and not self.transport.is_closing():
                self.transport.write_eof()

    def reset(self) -> None:
        """Close at once, so that it cannot be taken for a good end."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()

    def leave(self) -> None:
        """Close; one who does not take what is left for it is not waited for."""
        self._queue = None
        left = self.transport.get_write_buffer_size()
        if left and left == self._seen:
            self.transport.abort()
        else:
            self._seen = left
            self._close()

    def _close(self) -> None:
        self.transport.close()
        self._wait(self._draining if self.transport.get_write_buffer_size() else None)

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


def _address(said: tuple[str, int] | None) -> Address:
    """Return address and port; IPv6 has more to say. Nothing when the client is gone already."""
    return (said[0], said[1]) if said else ("", 0)
