"""Connections to backends, kept a while for the next request."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from opencoderouter.core.model import Listener
from opencoderouter.proxy.lane.upstream import Upstream
from opencoderouter.proxy.lane.waiting import Waiting

CONNECT = 5.0  # seconds; it is the same machine
STUCK = 60.0  # seconds in which a backend takes something of what is sent to it
IDLE = 15.0  # seconds; OpenCode itself closes after more than 330
MOST = 256  # idle connections for one backend; a burst of requests leaves many more
MOST_IN_ALL = 1024

Key = tuple[str, int, int | None]
LOCAL: Key = ("", 0, None)  # our own application
Dial = Callable[[], socket.socket]
# Tells whether it is still this very socket that gets the connections to its address.
Proof = Callable[[Listener], bool]


class ChangedHandsError(ConnectionError):
    """A port belongs to somebody else than it did when it was found."""


class Pool:
    """Opens connections and keeps those that another request may use.

    ``dial`` returns one end of a stream whose other end the router's application serves. Who
    listens is asked of ``proof``, for each connection to a listener whose inode is known; where it
    is None nobody is.
    """

    def __init__(
        self,
        dial: Dial,
        clock: Callable[[], float],
        proof: Proof | None = None,
        *,
        idle: float = IDLE,
    ) -> None:
        self._dial, self._proof = dial, proof
        self._idle: dict[Key, dict[Upstream, None]] = {}
        self._waiting: Waiting[Upstream] = Waiting(idle, Upstream.drop, clock)
        self.stuck: Waiting[Upstream] = Waiting(STUCK, _give_up, clock)

    def __len__(self) -> int:
        """Return how many connections are kept."""
        return len(self._waiting)

    def take(self, key: Key) -> Upstream | None:
        """Return a connection that was kept, the one used last, or None."""
        idle = self._idle.get(key)
        while idle:
            upstream, _ = idle.popitem()
            self._waiting.discard(upstream)
            if upstream.fit:
                upstream.used = True
                return upstream
            upstream.drop()
        return None

    async def open(self, listener: Listener | None) -> Upstream:
        """Return a new connection, to the application where ``listener`` is None.

        Raises OSError, also when it takes too long, and ChangedHandsError when it would lead to
        another socket than ``listener``: whoever has accepted it then has read nothing.
        """
        loop = asyncio.get_running_loop()
        if listener is None:
            end = self._dial()
            _, upstream = await loop.create_unix_connection(lambda: Upstream(self, LOCAL), sock=end)
            return upstream
        key = listener.key
        async with asyncio.timeout(CONNECT):
            _, upstream = await loop.create_connection(
                lambda: Upstream(self, key), listener.target, listener.port
            )
        # Asked after the connection was made, of the socket that listens: a socket cannot begin to
        # listen again after another has had its port, not with its inode, and no other user can
        # listen at its address while it does. It listened when it was found and listens now, so it
        # has listened all the time between, and the connection went to it. (Asked before, the port
        # could change hands between the answer and the connection.)
        if self._proof and listener.inode is not None and not self._proof(listener):
            upstream.drop()
            raise ChangedHandsError(f"{listener.authority} has another owner")
        return upstream

    def keep(self, upstream: Upstream) -> None:
        """Take a connection back whose answer has been read to its end.

        It is closed when unfit, and when enough are kept.
        """
        upstream.holder = None
        idle = self._idle.setdefault(upstream.key, {})
        if len(idle) >= MOST or not upstream.fit:
            upstream.drop()
            return
        if len(self._waiting) >= MOST_IN_ALL:
            self._waiting.oldest().drop()
        idle[upstream] = None
        self._waiting.add(upstream)

    def lost(self, upstream: Upstream) -> None:
        """Forget a connection that is no more."""
        self._waiting.discard(upstream)
        self.stuck.discard(upstream)
        idle = self._idle.get(upstream.key)
        if idle is not None:
            idle.pop(upstream, None)
            if not idle:
                del self._idle[upstream.key]

    def sweep(self) -> None:
        """Close those that nobody has used for long, and those that are stuck."""
        self._waiting.sweep()
        self.stuck.sweep()

    def close(self) -> None:
        """Close all that are kept."""
        for upstream in self._waiting:
            upstream.drop()


def _give_up(upstream: Upstream) -> None:
    upstream.transport.abort()
