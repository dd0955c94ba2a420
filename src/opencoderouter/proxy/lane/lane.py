"""What all connections of one process share, and what they need time for."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import sys
import time

from opencoderouter.core.grant import Caller
from opencoderouter.core.model import Backend, Status
from opencoderouter.core.plan import Forward
from opencoderouter.core.refusals import Refuse
from opencoderouter.proxy.lane.connection import Connection
from opencoderouter.proxy.lane.exchange import Exchange
from opencoderouter.proxy.lane.judge import Judge
from opencoderouter.proxy.lane.lag import watch_lag
from opencoderouter.proxy.lane.pool import Pool
from opencoderouter.proxy.lane.prepared import Prepared
from opencoderouter.proxy.lane.refusals import CROWDED, DEFECT, OVERLOADED
from opencoderouter.proxy.lane.request import Request
from opencoderouter.proxy.lane.routing import Routing
from opencoderouter.proxy.lane.stats import ProjectStats
from opencoderouter.proxy.lane.waiting import Waiting

log = logging.getLogger(__name__)
LINGER = 2.0  # seconds in which a client that still sends can read why nobody listens
HALF = 1.0  # seconds in which a client that has finished sending gets its answer
DRAIN = 60.0  # seconds in which a client takes something of what is left for it
_LINGERING = 512  # connections; above, whoever still sends may miss our last answer
_OUR_FAULT = 500
_SPARE = 64  # files that are no connections
_TICK = 1.0  # seconds
_ANSWERING = frozenset({Status.READY, Status.LOCKED})  # worth asking what they are doing
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_Queue = Waiting["Connection"]


class Lane:
    """Passes requests on; ``protocol`` makes what a listening socket needs."""

    def __init__(self, routing: Routing) -> None:
        self.table, self.limits = routing.table, routing.limits
        self.occupancy, self.stats, self.closing = routing.occupancy, routing.stats, routing.closing
        self._inquirer, self._access = routing.inquirer, routing.access
        self.clock = clock = time.monotonic  # finer than the loop's
        self.pool = Pool(routing.dial, clock, proof=routing.proof)
        self._own = ProjectStats()  # of our own application
        self.idle = _Queue(routing.limits.keepalive_timeout, Connection.leave, clock)
        self.heading = _Queue(routing.limits.header_timeout, Connection.late, clock)
        self.halves = _Queue(HALF, Connection.give_up, clock)
        self.lingering = _Queue(LINGER, Connection.leave, clock)
        self.draining = _Queue(DRAIN, Connection.leave, clock)
        self._queues = (self.idle, self.heading, self.halves, self.lingering, self.draining)
        self.judge = Judge(routing)
        self.door, self._keyring = routing.door, routing.keyring
        self._connections: set[Connection] = set()
        self._pending: asyncio.Queue[Exchange] = asyncio.Queue()
        self._quiet = asyncio.Event()
        self._room = room()

    def protocol(self) -> asyncio.Protocol:
        """Return what serves one connection."""
        return Connection(self)

    async def run(self) -> None:
        """Connect to backends, and end who has waited for too long, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweep(), name="lane: time")
            group.create_task(self.door.run(), name="lane: door")
            group.create_task(watch_lag(self.stats.lag), name="lane: lag")
            while True:
                group.create_task(self._serve(await self._pending.get()), name="lane: connect")

    async def finish(self, grace: float) -> None:
        """End idle connections, streams and tunnels; cut the rest off after ``grace`` seconds."""
        await asyncio.sleep(0)  # requests that have just come begin
        for connection in tuple(self._connections):
            connection.stop()
        self.freed()
        try:
            async with asyncio.timeout(grace):
                await self._quiet.wait()
        except TimeoutError:
            log.info("cut off requests=%d", sum(self._busy()))
        for connection in tuple(self._connections):
            if connection.role is not None:
                connection.transport.abort()
            else:
                connection.transport.close()
        self.pool.close()

    def freed(self) -> None:
        """Hear that a request has ended while the router stops."""
        if not any(self._busy()):
            self._quiet.set()

    def _busy(self) -> list[bool]:
        return [one.role is not None for one in self._connections]

    def enter(self, connection: Connection) -> Refuse | None:
        """Count a connection in, or say why there is no room for it."""
        self.stats.accepted += 1
        if len(self._connections) >= self._room:
            return OVERLOADED
        stranger = connection.stranger
        if limit := self.occupancy.enter(connection.peer, self.limits, stranger=stranger):
            return CROWDED[limit]
        self.stats.connections += 1
        self._connections.add(connection)
        return None

    def leave(self, connection: Connection) -> None:
        """Count a connection out."""
        self.occupancy.leave(connection.peer, stranger=connection.stranger)
        self.stats.connections -= 1
        self._connections.discard(connection)
        if self.closing.is_set():
            self.freed()

    def stranger(self, caller: Caller | None) -> str:
        """Return the origin of a client that has to show who it is; empty for others."""
        free = caller is None or caller.free or self._keyring().auth == "off"
        return "" if caller is None or free else caller.origin

    def welcome(self, connection: Connection) -> None:
        """Count a stranger as one that is none any more."""
        self.occupancy.known(connection.stranger)
        connection.stranger = ""

    def crowded(self) -> bool:
        """Tell whether too many connections linger already."""
        return len(self.lingering) >= min(_LINGERING, self._room // 2)

    def counts(self, prepared: Prepared) -> ProjectStats:
        """Return where a request is counted."""
        plan = prepared.plan
        return self.stats.project(plan.project.slug) if isinstance(plan, Forward) else self._own

    def _expel(self) -> None:
        """Cut off whoever was let in and may not be here any more."""
        for connection in tuple(self._connections):
            if connection.role is not None and not self.judge.holds(connection.grant):
                connection.reset()

    def begin(self, exchange: Exchange) -> None:
        """Give a request a connection to its backend, now or soon."""
        prepared = exchange.prepared
        kept = self.pool.take(prepared.key) if prepared.again and prepared.fixed else None
        if kept is None:
            self._pending.put_nowait(exchange)
        else:
            self.stats.upstream_reused += exchange.backend is not None
            exchange.attach(kept)

    def retry(self, exchange: Exchange) -> None:
        """Give a request that met a closed connection a new one."""
        self.stats.upstream_retried += 1
        self._pending.put_nowait(exchange)

    async def _serve(self, exchange: Exchange) -> None:
        try:
            await self._connect(exchange)
        except Exception:  # one request must not end them all
            log.exception("failed peer=%s", exchange.client.peer)
            if not exchange.over:
                exchange.fail(DEFECT)

    async def _connect(self, exchange: Exchange) -> None:
        plan = exchange.prepared.plan
        if isinstance(plan, Forward) and plan.session is not None:
            exchange.backend = await self._having(plan, plan.session)
        backend = exchange.backend
        try:
            upstream = await self.pool.open(backend.listener if backend else None)
        except OSError as failure:
            self._unconnected(exchange, failure)
            return
        self.stats.upstream_connects += backend is not None
        if exchange.over:
            self.pool.keep(upstream)
        else:
            exchange.attach(upstream)

    def _unconnected(self, exchange: Exchange, failure: OSError) -> None:
        exhausted = failure.errno in _EXHAUSTED
        if exhausted:
            self.pool.close()  # what waits there is needed elsewhere
        if exchange.over:
            return
        if exhausted:
            exchange.fail(OVERLOADED)
        else:
            exchange.unreachable(type(failure).__name__)

    async def _having(self, plan: Forward, session: str) -> Backend:
        """Return the backend that has the session at work, else the one that has the route.

        The first that has it will do: a slow one must not hold up the others' requests.
        """
        answering = [one for one in plan.project.backends if one.status in _ANSWERING]
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._has(session, one), name="busy") for one in answering]
            found = None
            for answer in asyncio.as_completed(asked):
                if found := await answer:
                    break
            for task in asked:
                task.cancel()
        return found or plan.backend

    async def _has(self, session: str, backend: Backend) -> Backend | None:
        busy = await self._inquirer.busy(backend.listener)
        return backend if session in (busy or ()) else None

    async def _sweep(self) -> None:
        patient = (self.limits.header_timeout, self.limits.keepalive_timeout)
        tick = min(_TICK, *(patience / 4 for patience in patient))
        while True:
            await asyncio.sleep(tick)
            for queue in self._queues:
                queue.sweep()
            self.pool.sweep()
            if self.judge.has_changed():
                self._expel()

    def log(self, peer: str, prepared: Prepared, status: int, size: int, since: float) -> None:
        """Take note of a request that has ended."""
        if self._access is None:
            return
        request, plan = prepared.request, prepared.plan
        slug = plan.project.slug if isinstance(plan, Forward) else ""
        seconds = self.clock() - since
        self._access.write(peer, request.method, request.target, status, size, seconds, slug)

    def answered(
        self, peer: str, request: Request | None, status: int, size: int, error: str
    ) -> None:
        """Take note of a request that was answered in nobody's name but our own."""
        if error:
            self.stats.error(error)
        if request is None and status < _OUR_FAULT:
            log.info("malformed request peer=%s error=%s", peer, error)
        if self._access is not None:
            method, target = (request.method, request.target) if request else ("", "")
            self._access.write(peer, method, target, status, size, 0.0, "")


def room() -> int:
    """Return how many clients this process has files for, each with a backend."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, (files - _SPARE) // 2) if files != resource.RLIM_INFINITY else sys.maxsize
