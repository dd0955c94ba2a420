"""Discovery without the kernel's help: connect to every port of a range, again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from opencoderouter.core.model import Listener, Status
from opencoderouter.scan.census import Candidate
from opencoderouter.scan.learn import State
from opencoderouter.scan.prober import Prober

_HOST = "127.0.0.1"
_CONNECT = 0.5  # seconds; a loopback connection is accepted or refused at once


@dataclass(frozen=True, slots=True)
class Known:
    """A port that accepts; ``asked`` and ``answered`` are when it last was and did."""

    state: State
    asked: float
    answered: float


class PortScan:
    """Bounded scan of what ``ports`` returns, at most ``concurrency`` connections at once.

    A port that refuses is forgotten at once; one that accepts but has not answered for
    ``stale_after`` seconds, then.
    """

    def __init__(
        self,
        prober: Prober,
        ports: Callable[[], Collection[int]],
        clock: Callable[[], float],
        *,
        concurrency: int,
        stale_after: float,
    ) -> None:
        self._prober, self._ports, self._clock = prober, ports, clock
        self._stale_after = stale_after
        self._limit = asyncio.Semaphore(concurrency)
        self._known: dict[Candidate, Known] = {}

    async def round(self) -> None:
        """Look at every port once, and tell the registry in one go."""
        found = await self._candidates()
        for gone in self._known.keys() - found:
            del self._known[gone]
            self._prober.forget(gone)
        due = [candidate for candidate in found if self._is_due(candidate)]
        async with asyncio.TaskGroup() as group:
            for candidate in due:
                group.create_task(self._ask(candidate), name=f"port {candidate.listener.port}")
        self._prober.publish({candidate: self._known[candidate].state for candidate in due})

    async def _candidates(self) -> frozenset[Candidate]:
        async with asyncio.TaskGroup() as group:
            tasks = {
                p: group.create_task(self._accepts(p), name=f"port {p}") for p in self._ports()
            }
        return frozenset(Candidate(Listener(_HOST, p)) for p, t in tasks.items() if t.result())

    async def _accepts(self, port: int) -> bool:
        try:
            async with self._limit, asyncio.timeout(_CONNECT):
                _, writer = await asyncio.open_connection(_HOST, port)
        except OSError:  # TimeoutError is one
            return False
        writer.close()
        return True

    def _is_due(self, candidate: Candidate) -> bool:
        known = self._known.get(candidate)
        return known is None or self._clock() - known.asked >= known.state.pause

    async def _ask(self, candidate: Candidate) -> None:
        known = self._known.get(candidate)
        async with self._limit:
            before = known.state if known else State()
            state = await self._prober.count(await self._prober.probe(candidate, before))
        now = self._clock()
        silent = state.backend is not None and state.backend.status is Status.BUSY
        answered = known.answered if silent and known else now
        if silent and now - answered > self._stale_after:
            state = replace(state, backend=None)
        self._known[candidate] = Known(state, now, answered)
