"""Many connections that do nothing of use, held by a process of its own.

``python -m tests.rig.swarm PORT SLOW IDLE HOST``: ``SLOW`` connections send a request head an octet
at a time, ``IDLE`` ones have asked for something under the name ``HOST`` and keep still. Who is
turned out comes back, so that there are always as many. It prints a line when all are there; when
its standard input ends, a ``Report`` as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

_SLOW = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
_IDLE = "GET /proof/text?request=idle&size=10 HTTP/1.1\r\nHost: {}\r\nX-Request: idle\r\n\r\n"
_OCTET = 1.0  # seconds between two octets of a slow head
_AT_ONCE = 100  # connections that are being made
_TURNED_OUT = b"HTTP/1.1 408 "


@dataclass(frozen=True, slots=True)
class Ends:
    """How connections ended, and after how many seconds.

    ``how`` counts ``408``, ``closed``, ``reset``, and whatever else was said.
    """

    how: Mapping[str, int]
    soonest: float
    latest: float


@dataclass(frozen=True, slots=True)
class Report:
    """The ends of both kinds, and how often a connection could not be made."""

    slow: Ends
    idle: Ends
    failed: int


class _Held(asyncio.Protocol):
    def __init__(self, swarm: _Swarm, *, slow: bool, place: int) -> None:
        self._swarm, self.slow, self.place = swarm, slow, place
        self._heard = b""
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask, or begin to."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(_SLOW[:1] if self.slow else self._swarm.idle)
        self._sent = 1
        self._since = time.monotonic()
        if self.slow:
            self._swarm.there(self)

    def drip(self) -> None:
        """Send one octet more."""
        self.transport.write(_SLOW[self._sent : self._sent + 1] or b"x")
        self._sent += 1

    def data_received(self, data: bytes) -> None:
        """Take note of an answer; the idle time counts from its end."""
        self._heard += data
        if not self.slow and self._heard.startswith(b"HTTP/1.1 200 "):
            self._since = time.monotonic()
            if self._heard.count(b"\r\n\r\n") == 1 and b" idle\n" in self._heard:
                self._heard = b""
                self._swarm.there(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note of the end."""
        kind = "408" if self._heard.startswith(_TURNED_OUT) else self._heard[:40].decode("latin-1")
        how = kind or ("reset" if exc else "closed")
        self._swarm.gone(self, how, time.monotonic() - self._since)


class _Swarm:
    def __init__(self, port: int, host: str, group: asyncio.TaskGroup) -> None:
        self._port, self._group = port, group
        self.idle = _IDLE.format(host).encode()
        self._held: set[_Held] = set()
        self._ends: dict[bool, list[tuple[str, float]]] = {True: [], False: []}
        self._failed = 0
        self._over = False
        self._few = asyncio.Semaphore(_AT_ONCE)
        self._news = asyncio.Event()

    async def gather(self, slow: int, idle: int) -> None:
        """Return when so many are there."""
        for place in range(slow + idle):
            self._come(slow=place < slow, place=place)
        while len(self._held) < slow + idle:
            self._news.clear()
            await self._news.wait()

    def there(self, held: _Held) -> None:
        """Count one in."""
        self._held.add(held)
        self._news.set()

    def gone(self, held: _Held, how: str, age: float) -> None:
        """Take note of an end that was not ours; another comes instead."""
        self._held.discard(held)
        if not self._over:
            self._ends[held.slow].append((how, age))
            self._come(slow=held.slow, place=held.place)

    async def drip(self) -> None:
        """Send an octet on all slow ones, again and again."""
        while True:
            await asyncio.sleep(_OCTET)
            for held in [held for held in self._held if held.slow]:
                held.drip()

    def leave(self) -> Report:
        """End all; return what there is to tell."""
        self._over = True
        for held in self._held:
            held.transport.abort()
        return Report(_summary(self._ends[True]), _summary(self._ends[False]), self._failed)

    def _come(self, *, slow: bool, place: int) -> None:
        self._group.create_task(self._connect(slow=slow, place=place), name="connect")

    async def _connect(self, *, slow: bool, place: int) -> None:
        address = (f"127.1.{place // 250}.{place % 250 + 1}", 0)
        loop = asyncio.get_running_loop()
        while not self._over:
            try:
                async with self._few:
                    await loop.create_connection(
                        lambda: _Held(self, slow=slow, place=place),
                        *("127.0.0.1", self._port),
                        local_addr=address,
                    )
            except OSError:
                self._failed += 1
                await asyncio.sleep(_OCTET)
            else:
                return


def _summary(ends: list[tuple[str, float]]) -> Ends:
    ages = [age for _, age in ends] or [0.0]
    return Ends(dict(Counter(how for how, _ in ends)), min(ages), max(ages))


async def _main(arguments: Sequence[str]) -> None:
    *numbers, host = arguments
    port, slow, idle = map(int, numbers)
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, over.set)
    async with asyncio.TaskGroup() as group:
        swarm = _Swarm(port, host, group)
        dripping = group.create_task(swarm.drip(), name="drip")
        gathering = group.create_task(swarm.gather(slow, idle), name="gather")
        gathering.add_done_callback(lambda _: os.write(1, b"there\n"))
        await over.wait()
        dripping.cancel()
        gathering.cancel()
        report = swarm.leave()
    os.write(1, json.dumps(asdict(report)).encode())


@dataclass(frozen=True, slots=True)
class Swarm:
    """A swarm that is there."""

    process: subprocess.Popen[bytes]
    gathered: float  # seconds that it took

    def leave(self) -> Report:
        """End it; return what it has to tell."""
        told, _ = self.process.communicate(timeout=60)
        report = json.loads(told)
        return Report(Ends(**report["slow"]), Ends(**report["idle"]), report["failed"])


@contextmanager
def swarm(port: int, *, slow: int, idle: int, host: str) -> Iterator[Swarm]:
    """Hold connections; all are there when the block begins, none when it ends."""
    command = (sys.executable, "-m", "tests.rig.swarm", str(port), str(slow), str(idle), host)
    root, began = Path(__file__).parents[2], time.monotonic()
    with subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            _await_line(process.stdout)
            yield Swarm(process, time.monotonic() - began)
        finally:
            with suppress(BrokenPipeError):
                process.kill()


def _await_line(output: IO[bytes] | None) -> None:
    assert output is not None
    assert output.readline() == b"there\n"


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(_main(sys.argv[1:]))
