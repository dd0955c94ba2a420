"""One request and its answer, passed on between a client and a backend as they come."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from opencoderouter.core.plan import Forward
from opencoderouter.core.refusals import Refuse
from opencoderouter.proxy.lane.bodies import NOTHING, BadBody, Body
from opencoderouter.proxy.lane.heads import Heads
from opencoderouter.proxy.lane.prepared import Prepared
from opencoderouter.proxy.lane.refusals import DEFECT, MALFORMED_BODY, no_answer
from opencoderouter.proxy.lane.reply import Reply
from opencoderouter.proxy.lane.tunnel import Tunnel
from opencoderouter.proxy.lane.upstream import Upstream

if TYPE_CHECKING:
    from opencoderouter.proxy.lane.connection import Connection
    from opencoderouter.proxy.lane.lane import Lane

log = logging.getLogger(__name__)


class Exchange:
    """Passes one request on and its answer back. Memory is bounded: who is slow is waited for.

    It ends by ``client.done``, and then holds nothing. ``wants``: bytes of the client are its.
    """

    __slots__ = (
        "_body",
        "_counts",
        "_heads",
        "_keep",
        "_lane",
        "_reply",
        "_since",
        "_upload",
        "_upstream",
        "backend",
        "client",
        "prepared",
        "sent",
        "wants",
    )

    def __init__(self, lane: Lane, client: Connection, prepared: Prepared) -> None:
        self._lane, self.client, self.prepared = lane, client, prepared
        self._upload = prepared.upload()
        self._upstream: Upstream | None = None
        self._reply: Reply | None = None
        self._body: Body = NOTHING
        self._heads: Heads | None = None
        self.sent = 0
        self._keep = False
        self.wants = not self._upload.done
        self._since = lane.clock()
        self._counts = lane.counts(prepared)
        self.backend = prepared.plan.backend if isinstance(prepared.plan, Forward) else None

    @property
    def over(self) -> bool:
        """Tell whether nobody waits for the answer any more."""
        return self.client.role is not self

    @property
    def stream(self) -> bool:
        """Tell whether this is an event stream, which has no end of its own."""
        return self._reply is not None and self._reply.stream

    def attach(self, upstream: Upstream) -> None:
        """Send the request to a backend."""
        self._upstream = upstream
        upstream.holder = self
        if self.client.full:
            upstream.transport.pause_reading()
        upstream.transport.write(self.prepared.head_for(self.backend))
        if self.backend is None:
            self._lane.stats.local += 1
        else:
            self._lane.stats.forwards += 1
        if self.wants:
            self.client.release()

    # What the client does

    def from_client(self, data: bytes) -> bytes:
        """Pass a part of the body on; return what lies behind its end, or cannot go on yet."""
        upstream = self._upstream
        if upstream is None:
            return data
        try:
            out, rest = self._upload.feed(data)
        except BadBody:
            self._malformed()
            return b""
        if out:
            upstream.transport.write(out)
            self._counts.bytes_in += len(out)
        self.wants = not self._upload.done
        return rest

    def client_full(self) -> None:
        """Make the backend wait."""
        if self._upstream is not None:
            self._upstream.transport.pause_reading()

    def client_free(self) -> None:
        """Let the backend go on."""
        if self._upstream is not None:
            self._upstream.transport.resume_reading()

    def client_finished(self) -> None:
        """Hear that the client says no more: it may be waiting for its answer."""
        if self._upload.done:
            self.client.hurry()
        else:
            self._malformed()

    def client_lost(self) -> None:
        """Let the backend hear that nobody listens."""
        if self._upstream is not None:
            self._upstream.drop()
        self._ended(self._reply.status if self._reply else 499)

    def _malformed(self) -> None:
        """End a request whose body is not what its head says."""
        if self._upstream is not None:
            self._upstream.drop()
        self.fail(MALFORMED_BODY)

    # What the backend does

    def from_upstream(self, data: bytes) -> None:
        """Pass a part of the answer on."""
        if self._reply is not None:
            self._pass(b"", data)
        elif self._upstream is not None:
            self._head(self._upstream, data)

    def upstream_full(self) -> None:
        """Make the client wait."""
        self.client.hold()

    def upstream_free(self) -> None:
        """Let the client go on."""
        self.client.release()

    def upstream_finished(self) -> bool:
        """Have the connection ended: a backend that has finished takes no more."""
        return False

    def upstream_ended(self, *, reset: bool) -> None:
        """Ask again, give up, or take it for the end of the answer."""
        upstream = self._upstream
        if self._reply is not None:
            self._cut_off(reset=reset)
        elif upstream is not None and upstream.used and self._heads is None:
            self._upstream = None
            self._lane.retry(self)
        else:
            self.unreachable("closed")

    def unreachable(self, reason: str) -> None:
        """Tell the client that there is no answer."""
        plan, backend = self.prepared.plan, self.backend
        if backend is None or not isinstance(plan, Forward):
            log.warning("no answer from the application reason=%s", reason)
            self.fail(DEFECT)
            return
        self._lane.stats.upstream_failed += 1
        slug, where = plan.project.slug, backend.listener.authority
        log.warning("no answer project=%s backend=%s reason=%s", slug, where, reason)
        self.fail(no_answer(slug))

    def _head(self, upstream: Upstream, data: bytes) -> None:
        """Take in heads, and what has come of the body."""
        heard = upstream.heard if self._heads is None else None
        if heard and data.startswith(heard[0]) and heard[1] == self.prepared.ear:
            self._begin(heard[2], data[len(heard[0]) :])
            return
        if self._heads is None:
            authority = self.backend.listener.authority if self.backend else ""
            self._heads = Heads(self.prepared, authority)
        rest = self._heads.feed(data)
        for head in self._heads.interim():
            self.client.write(head)
        if rest is None:
            upstream.drop()
            self.unreachable("nonsense")
        elif self._heads.final is not None:
            self._answered(upstream, *self._heads.final, rest)

    def _answered(self, upstream: Upstream, raw: bytes, found: Reply, rest: bytes) -> None:
        """Act on the final head."""
        if found.switches:
            self._switch(upstream, found, rest)
        else:
            upstream.heard = (raw, self.prepared.ear, found)
            self._begin(found, rest)

    def _begin(self, reply: Reply, rest: bytes) -> None:
        self._reply = reply
        self._body = reply.body()
        self._keep = (
            self.prepared.request.keep
            and reply.bounded
            and self._upload.done
            and not self._lane.closing.is_set()
        )
        self._counts.answered(reply.status, self._lane.clock() - self._since)
        if reply.stream:
            self._counts.streams += 1
        self._pass(reply.keep if self._keep else reply.last, rest)

    def _pass(self, head: bytes, data: bytes) -> None:
        """Write head and body to the client; end when that was all."""
        try:
            out, surplus = self._body.feed(data) if data else (b"", b"")
        except BadBody:
            if head:
                self.client.write(head)
            self._cut_off(reset=True)
            return
        self.sent += len(out)
        self.client.write(head + out)
        if self._body.done:
            self._finish(clean=not surplus)

    def _finish(self, *, clean: bool) -> None:
        upstream, reply = self._upstream, self._reply
        if upstream is not None and reply is not None:
            if clean and reply.reusable and self._upload.done and upstream.fit:
                if self.client.full:
                    upstream.transport.resume_reading()
                self._lane.pool.keep(upstream)
            else:
                upstream.drop()
            self._ended(reply.status)
        self.client.done(
            keep=self._keep,
            linger=not self._upload.done or (self.prepared.request.keep and self.client.can_finish),
        )

    def _cut_off(self, *, reset: bool) -> None:
        """End an answer whose sender is gone: well where its end is the end of the body."""
        if self._upstream is not None:
            self._upstream.drop()
        try:
            ending = None if reset else self._body.close()
        except BadBody:
            ending = None
        if ending is not None:
            self.client.write(ending)
            self._finish(clean=False)
            return
        reply = self._reply
        self._ended(reply.status if reply else 0)
        self.client.cut(seen=reply is None or reply.bounded)

    def fail(self, refuse: Refuse) -> None:
        """Answer in the backend's place; cut the answer off where it has begun."""
        if self._reply is not None:
            self._cut_off(reset=True)
            return
        self._ended(0)
        self.client.refuse(refuse, self.prepared.request, whole=self._upload.done)

    def _ended(self, status: int) -> None:
        """Account for the request, once; who answers it otherwise logs it (status 0)."""
        self.client.role = None
        if self.stream:
            self._counts.streams -= 1
        if self.prepared.upgrade:
            self._lane.occupancy.downgrade()
        self._counts.bytes_out += self.sent
        if status:
            self._lane.log(self.client.peer, self.prepared, status, self.sent, self._since)

    def _switch(self, upstream: Upstream, reply: Reply, early: bytes) -> None:
        self.client.write(reply.keep)
        self._counts.answered(reply.status, self._lane.clock() - self._since)
        tunnel = Tunnel(self._lane, self.client, upstream, self._counts, self._since)
        tunnel.begin(self.prepared, early)

    def end(self) -> None:
        """End because the router stops: an event stream has no other end."""
        reply = self._reply
        if reply is None or not reply.stream or self._upstream is None:
            return
        self._upstream.drop()
        if not reply.bounded or not reply.ending:
            self._cut_off(reset=reply.bounded)
            return
        self._keep = False
        self.client.write(reply.ending)
        self._finish(clean=False)
