"""After ``101 Switching Protocols``: bytes from one connection to the other, both ways.

A side that cannot take more makes the other wait; one that has finished (half-close) may still
receive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opencoderouter.proxy.lane.prepared import Prepared
from opencoderouter.proxy.lane.stats import ProjectStats
from opencoderouter.proxy.lane.upstream import Upstream

if TYPE_CHECKING:
    from opencoderouter.proxy.lane.connection import Connection
    from opencoderouter.proxy.lane.lane import Lane


class Tunnel:
    """Joins a client and a backend until one of them ends. Closes both."""

    __slots__ = (
        "_client",
        "_counts",
        "_finished",
        "_lane",
        "_prepared",
        "_since",
        "_upstream",
        "sent",
        "wants",
    )

    _prepared: Prepared

    def __init__(
        self,
        lane: Lane,
        client: Connection,
        upstream: Upstream,
        counts: ProjectStats,
        since: float,
    ) -> None:
        self._lane, self._client, self._upstream = lane, client, upstream
        self._counts, self._since = counts, since
        self.sent = 0
        self._finished = False  # one of the two
        self.wants = True

    def begin(self, prepared: Prepared, early: bytes) -> None:
        """Take over; ``early`` is what the backend said right after its head."""
        self._prepared = prepared
        self._counts.tunnels += 1
        self._upstream.holder = self
        if early:
            self.from_upstream(early)
        self._client.take(self)
        if self._upstream.slow:
            self._client.hold()

    def from_client(self, data: bytes) -> bytes:
        """Pass bytes on."""
        self._upstream.transport.write(data)
        self._counts.bytes_in += len(data)
        return b""

    def from_upstream(self, data: bytes) -> None:
        """Pass bytes on."""
        self._client.write(data)
        self.sent += len(data)

    def client_full(self) -> None:
        """Make the backend wait."""
        self._upstream.transport.pause_reading()

    def client_free(self) -> None:
        """Let the backend go on."""
        self._upstream.transport.resume_reading()

    def upstream_full(self) -> None:
        """Make the client wait."""
        self._client.hold()

    def upstream_free(self) -> None:
        """Let the client go on."""
        self._client.release()

    def client_finished(self) -> None:
        """Pass the end on; the other direction goes on until it ends too."""
        if self._finished:
            self._close()
        else:
            self._finished = True
            self._upstream.finish()

    def upstream_finished(self) -> bool:
        """Pass the end on; the other direction goes on until it ends too, where it can."""
        if self._finished or not self._client.can_finish:
            self._close()
            return True
        self._finished = True
        self._client.finish()
        return True

    def client_lost(self) -> None:
        """Let the backend end in its own time with what it was sent."""
        self._ended()
        self._upstream.close()

    def upstream_ended(self, *, reset: bool) -> None:
        """Let the client end in its own time with what it was sent."""
        del reset
        self._ended()
        self._client.cut(seen=True)

    def end(self) -> None:
        """End because the router stops."""
        self._upstream.drop()
        self._ended()
        self._client.transport.abort()

    def _close(self) -> None:
        self._upstream.close()
        self._ended()
        self._client.cut(seen=True)

    def _ended(self) -> None:
        self._client.role = None
        self._counts.tunnels -= 1
        self._counts.bytes_out += self.sent
        self._lane.occupancy.downgrade()
        self._lane.log(self._client.peer, self._prepared, 101, self.sent, self._since)
