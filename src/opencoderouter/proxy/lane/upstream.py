"""A connection to a backend: what arrives on it goes to whoever has it at the moment."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from opencoderouter.proxy.lane.pool import Key, Pool
    from opencoderouter.proxy.lane.prepared import Ear
    from opencoderouter.proxy.lane.reply import Reply


class Holder(Protocol):
    """Who a connection to a backend works for."""

    def from_upstream(self, data: bytes) -> None:
        """Take in what the backend says."""

    def upstream_finished(self) -> bool:
        """Hear that the backend says no more; True when it may still be sent something."""

    def upstream_ended(self, *, reset: bool) -> None:
        """Hear that the backend has ended, well or not. Nothing can be sent any more."""

    def upstream_full(self) -> None:
        """Hear that the backend does not keep up."""

    def upstream_free(self) -> None:
        """Hear that it takes more again."""


class Upstream(asyncio.Protocol):
    """One connection; ``holder`` is None while it waits in the pool; ``slow``: it does not keep up.

    ``heard`` is the last head of an answer, for whom it was, and what it said: the same again needs
    no second look.
    """

    __slots__ = ("_pool", "heard", "holder", "key", "slow", "transport", "used")

    transport: asyncio.Transport

    def __init__(self, pool: Pool, key: Key) -> None:
        self._pool, self.key = pool, key
        self.holder: Holder | None = None
        self.heard: tuple[bytes, Ear, Reply] | None = None
        self.used = False  # before the request that it works for now
        self.slow = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on. Nobody asked for those that come in between."""
        if self.holder is not None:
            self.holder.from_upstream(data)
        else:
            self.drop()

    def eof_received(self) -> bool:
        """End with the backend, at once: what it has not read by now it never will."""
        holder = self.holder
        if holder is not None and holder.upstream_finished():
            return True
        self.drop()
        if holder is not None:
            holder.upstream_ended(reset=False)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who has it."""
        self._pool.lost(self)
        holder, self.holder = self.holder, None
        if holder is not None:
            holder.upstream_ended(reset=exc is not None)

    def pause_writing(self) -> None:
        """Make the client wait."""
        self.slow = True
        self._pool.stuck.add(self)
        if self.holder is not None:
            self.holder.upstream_full()

    def resume_writing(self) -> None:
        """Let the client go on."""
        self.slow = False
        self._pool.stuck.discard(self)
        if self.holder is not None:
            self.holder.upstream_free()

    @property
    def fit(self) -> bool:
        """Tell whether another request may be sent."""
        return not (self.slow or self.transport.is_closing())

    def finish(self) -> None:
        """Say no more, but listen."""
        with suppress(OSError):  # gone already
            self.transport.write_eof()

    def close(self) -> None:
        """Close when all is sent, if it is taken; who had it hears no more of it."""
        self.holder = None
        self.transport.close()
        if self.transport.get_write_buffer_size() and not self.slow:
            self.slow = True
            self._pool.stuck.add(self)

    def drop(self) -> None:
        """Close at once; who had it hears no more of it."""
        self.holder = None
        self.transport.abort()
