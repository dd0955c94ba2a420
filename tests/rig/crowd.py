"""A crowd of clients that makes a mix of visits for as long as it is told to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.rig.guest import Down, Guest, Way
from tests.rig.ledger import Ledger
from tests.rig.line import Line, Wrong, line
from tests.rig.visits import Visit, converse, follow

LONG = 30.0  # seconds in which whatever is asked here is answered, unless it hangs
_PEERS = 200
_LISTENERS = 0.5  # of those who stay: they follow events, the others have a WebSocket
_BEAT = 0.25  # seconds between two of its messages


@dataclass
class Crowd:
    """Clients of the router on ``port``. ``took`` are the seconds of each visit, by its name."""

    port: int
    ledger: Ledger
    ways: Sequence[Way]
    mix: Mapping[Visit, int]
    pause: float  # seconds between two visits of one client, in the mean
    random: Random
    over: asyncio.Event = field(default_factory=asyncio.Event)
    took: dict[str, list[float]] = field(default_factory=dict)
    _visits: int = 0

    async def run(self, users: int, watchers: int) -> None:
        """Be so many clients until ``over``; the watchers hold one stream after another."""
        async with asyncio.TaskGroup() as group:
            for _ in range(users):
                group.create_task(self._user(), name="user")
            watching = [group.create_task(self._watcher(), name="watcher") for _ in range(watchers)]
            await self.over.wait()
            for watcher in watching:
                watcher.cancel()

    async def _user(self) -> None:
        kinds, weights = list(self.mix), list(self.mix.values())
        while not self.over.is_set():
            async with line(self.port, self._peer()) as connection:
                for _ in range(self.random.randint(1, 30)):
                    [visit] = self.random.choices(kinds, weights)
                    await self.visit(visit, connection)
                    await asyncio.sleep(self.random.expovariate(1 / self.pause))
                    if self.over.is_set() or not connection.open:
                        break

    async def _watcher(self) -> None:
        async def watch(guest: Guest) -> None:
            beats = self.random.randint(8, 80)
            if self.random.random() < _LISTENERS:
                await follow(guest, beats)
            else:
                await converse(guest, beats, pause=_BEAT)

        while True:
            async with line(self.port, self._peer()) as connection:
                await self.visit(watch, connection)
            await asyncio.sleep(self.pause)

    async def visit(self, visit: Visit, connection: Line) -> None:
        """Make a visit, and take down what came of it."""
        self._visits += 1
        way, request = self.random.choice(self.ways), f"r{self._visits}"
        began = time.monotonic()
        guest = Guest(connection, way, self.ways, self.ledger, self.random, request, began)
        failure = await self._failure(visit, guest)
        if failure is None:
            self.ledger.done[visit.__name__] += 1
            self.took.setdefault(visit.__name__, []).append(time.monotonic() - began)
            return
        connection.open = connection.open and isinstance(failure, Down)
        what = str(failure) if isinstance(failure, Down) else "cut off"
        if isinstance(failure, Down | ConnectionError | EOFError) and guest.excused():
            self.ledger.excused[what] += 1
        else:
            age = time.monotonic() - began
            self.ledger.blame(f"{visit.__name__} {way} after {age:.2f} s: {failure!r}")

    async def _failure(self, visit: Visit, guest: Guest) -> Exception | None:
        try:
            async with asyncio.timeout(LONG):
                await visit(guest)
        except (
            Wrong,
            Down,
            OSError,
            EOFError,
            ValueError,
        ) as failure:  # TimeoutError is an OSError
            return failure
        return None

    def _peer(self) -> str:
        return f"127.0.{self.random.randrange(_PEERS)}.1"
