"""The discovery service: follows the kernel's listeners, or scans ports where it cannot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from opencoderouter.core.histogram import Histogram
from opencoderouter.core.model import ROUTED, Backend, Listener
from opencoderouter.kernel.sockets import Listeners
from opencoderouter.opencode.client import Client
from opencoderouter.registry import Registry
from opencoderouter.scan.again import Again
from opencoderouter.scan.census import Candidate, Census
from opencoderouter.scan.learn import State, starting
from opencoderouter.scan.ports import PortScan
from opencoderouter.scan.prober import Prober
from opencoderouter.scan.rest import Rest

_log = logging.getLogger(__name__)
Clock = Callable[[], float]
Tracked = dict[Candidate, asyncio.Task[None]]

# Upper bounds in seconds.
_DISCOVERY = (0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SCAN = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_UNPROVEN = (
    "discovery off: the kernel's socket tables cannot be read here, so it cannot be proven whose a"
    " server is; only those that this router starts are taken in"
    " hint=--adopt-unowned takes in whatever answers in the port range"
)


@dataclass(frozen=True, slots=True)
class ScanPolicy:
    """Settings of discovery; durations in seconds.

    ``ports`` are looked at whoever serves there. ``interval`` is between two checks of a known
    server, and between two scans where the kernel cannot be asked; ``concurrency`` and
    ``stale_after`` matter only there, and so does ``adopt_unowned``: take in servers that cannot
    be proven to be this user's. ``poll`` is between two questions to the kernel.
    """

    ports: range
    interval: float
    concurrency: int
    stale_after: float
    adopt_unowned: bool = False
    poll: float = 0.15


class Scanner:
    """Keeps the registry's backends of this machine as they are; the only one that does.

    ``started`` returns the ports of servers that the router itself started: these are taken in
    where the kernel cannot tell whose they are. ``used`` returns, for a directory, what changes
    when a request goes there: servers where nothing happens are checked less often. ``ready`` is
    set when everything that ran before is in the table. ``discovery`` counts the seconds from when
    a listener was first seen until it was routed, ``scanned`` those that a look at all listeners
    took when some had come or gone (or at all ports, where the kernel does not tell of them).
    """

    def __init__(  # noqa: PLR0913 - one place to wire discovery
        self,
        registry: Registry,
        client: Client,
        policy: ScanPolicy,
        *,
        uid: int,
        listeners: Listeners | None,
        own_ports: frozenset[int],
        clock: Clock,
        started: Callable[[], Collection[int]] = frozenset,
        used: Callable[[str], object] = bool,
        proc: Path = Path("/proc"),
    ) -> None:
        self._policy, self._listeners, self._own, self._clock = policy, listeners, own_ports, clock
        self._started, self._used = started, used
        self._prober = Prober(registry, client, interval=policy.interval)
        self._census = Census(policy.ports, uid=uid, own_ports=own_ports, proc=proc)
        # Its own: whoever hangs on a file system in the shared ones does not stop discovery.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="census")
        self._again = Again(policy.poll, policy.interval)
        self._refusal = ""
        self.ready = asyncio.Event()
        self.discovery, self.scanned = Histogram(_DISCOVERY), Histogram(_SCAN)

    def last_seen(self, backend: Backend) -> datetime:
        """Return when the backend answered last (UTC); now for one that never did."""
        return self._prober.last_seen(backend)

    async def run(self) -> None:
        """Follow what listens until cancelled."""
        if self._listeners is not None:
            try:
                async with asyncio.TaskGroup() as trackers:
                    await self._follow(self._listeners, trackers)
            finally:
                self._pool.shutdown(wait=False, cancel_futures=True)
        if not self._policy.adopt_unowned:
            _log.warning(_UNPROVEN)
        await self._scan()

    async def _follow(self, listeners: Listeners, trackers: asyncio.TaskGroup) -> None:
        """Ask the kernel again and again; while it says the same, that is all."""
        heard = self._hear(listeners, frozenset())
        tracked = await self._first_pass(heard, trackers)
        self.ready.set()
        while True:
            await asyncio.sleep(self._ticks(self._policy.poll))
            now = self._hear(listeners, heard)
            if now is not heard and now != heard:
                # A dump may leave out a socket while others come and go: it takes two to say so.
                heard = now | self._hear(listeners, now)
                await self._update(tracked, heard, trackers)
            elif self._again.is_due(self._census.unexplained, self._clock()):
                await self._update(tracked, heard, trackers)

    def _hear(self, listeners: Listeners, known: frozenset[Listener]) -> frozenset[Listener]:
        """Return the listeners of now; while the kernel will not say, those it told of before."""
        try:
            now, refusal = listeners(), ""
        except OSError as error:
            now, refusal = known, repr(error)
        if refusal and not self._refusal:
            _log.warning("listeners not known: nothing new is found error=%s", refusal)
        self._refusal = refusal
        return now

    async def _first_pass(
        self, listeners: frozenset[Listener], trackers: asyncio.TaskGroup
    ) -> Tracked:
        """Take in all at once what is there: names must not depend on who answers first."""
        found = await self._candidates(listeners)
        async with asyncio.TaskGroup() as group:
            asked = {c: group.create_task(self._prober.probe(c, State())) for c in found}
        states = {candidate: task.result() for candidate, task in asked.items()}
        self._prober.publish(states)
        return {c: self._track(c, state, trackers) for c, state in states.items()}

    async def _update(
        self, tracked: Tracked, listeners: frozenset[Listener], trackers: asyncio.TaskGroup
    ) -> None:
        """Forget what is gone, and track what is new."""
        since = self._clock()
        found = await self._candidates(listeners)
        for candidate in tracked.keys() - found:
            tracked.pop(candidate).cancel()
            self._prober.forget(candidate)
        fresh = {c: State(starting(c)) for c in found - tracked.keys()}
        self._prober.publish(fresh)
        tracked |= {c: self._track(c, state, trackers, since) for c, state in fresh.items()}

    async def _candidates(self, listeners: frozenset[Listener]) -> frozenset[Candidate]:
        loop, ask, began = asyncio.get_running_loop(), self._census.candidates, self._clock()
        try:
            return await loop.run_in_executor(self._pool, ask, listeners)
        except RuntimeError as error:  # no thread to be had: it takes milliseconds here, too
            _log.warning("census without a thread error=%r", error)
            return ask(listeners)
        finally:
            self.scanned.observe(self._clock() - began)

    def _track(
        self,
        candidate: Candidate,
        state: State,
        trackers: asyncio.TaskGroup,
        since: float | None = None,
    ) -> asyncio.Task[None]:
        name = f"track {candidate.listener.authority}"
        return trackers.create_task(self._keep(candidate, state, since), name=name)

    async def _keep(self, candidate: Candidate, state: State, since: float | None) -> None:
        """Know how one candidate is, for as long as it listens, ``since`` when it was first seen.

        None for one that listened before.
        """
        rest = Rest()
        while True:
            state = await self._prober.count(state)
            self._prober.publish({candidate: state})
            await self._pause(state, rest)
            while candidate.same_socket and (now := await self._prober.look(state)):
                if now is not state:
                    state = now
                    self._prober.publish({candidate: state})
                await self._pause(state, rest)
            state = await self._prober.probe(candidate, state)
            self._prober.publish({candidate: state})
            since = self._took(state, since)

    async def _pause(self, state: State, rest: Rest) -> None:
        """Wait until the next check is due; those of a quiet server are few."""
        backend = state.backend
        directory = backend.identity.directory if backend else ""
        while True:
            await asyncio.sleep(self._ticks(state.pause))
            if not rest.may_skip(backend, self._used(directory)):
                return

    def _ticks(self, seconds: float) -> float:
        """Return the seconds until a tick, about so many from now.

        To wake up costs more than what is done then: all that can wait wakes up together.
        """
        poll = self._policy.poll
        if seconds < poll:
            return seconds
        now = asyncio.get_running_loop().time()
        return round((now + seconds) / poll) * poll - now

    def _took(self, state: State, since: float | None) -> float | None:
        """Count how long it took until a server can have its route; return None then."""
        if since is None or state.backend is None or state.backend.status not in ROUTED:
            return since
        self.discovery.observe(self._clock() - since)
        return None

    async def _scan(self) -> None:
        """Look for servers by connecting."""
        scan = PortScan(
            self._prober,
            self._scanned,
            self._clock,
            concurrency=self._policy.concurrency,
            stale_after=self._policy.stale_after,
        )
        while True:
            began = self._clock()
            await scan.round()
            self.scanned.observe(self._clock() - began)
            self.ready.set()
            await asyncio.sleep(self._policy.interval)

    def _scanned(self) -> Collection[int]:
        ports = self._policy.ports if self._policy.adopt_unowned else self._started()
        return [port for port in ports if port not in self._own]
