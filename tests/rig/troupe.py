"""Backends that come and go, and are known to have done so."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

from tests.rig.ledger import Ledger
from tests.rig.witness import LISTENING

ROOT = Path(__file__).parents[2]
# Nobody gets a port that another server has just left: a router that looks at the kernel every
# 100 ms cannot know of that (docs/decisions/0007).
_REST = 1.0  # seconds
_ENDS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)


@contextmanager
def serving(directory: Path, port: int, boot: str = "only") -> Iterator[None]:
    """Run one server in a directory until the block ends; it listens when the block begins."""
    with subprocess.Popen(
        _command(port, boot),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=directory,
        env=_environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == LISTENING
        try:
            yield
        finally:
            process.kill()


class Troupe:
    """Servers for projects that are folders of ``folder``, on any of ``ports``."""

    def __init__(self, folder: Path, ports: Iterable[int], ledger: Ledger, random: Random) -> None:
        self._folder, self._ledger, self._random = folder, ledger, random
        self._ports = dict.fromkeys(ports, 0.0)  # those at hand: left when
        self._boots = (f"b{number}" for number in itertools.count())
        self.started = 0
        self.over = asyncio.Event()

    async def keep(self, project: str) -> None:
        """Serve a project until ``over``."""
        process, port = await self._start(project)
        await self.over.wait()
        await self._end(project, process, port, signal.SIGKILL)

    async def churn(self, project: str, *, lives: float) -> None:
        """Serve a project now and then until ``over``, ``lives`` seconds at a time in the mean."""
        while not self.over.is_set():
            process, port = await self._start(project)
            await self._or_over(self._random.uniform(0.2, 2 * lives))
            await self._end(project, process, port, self._random.choice(_ENDS))
            await self._or_over(self._random.uniform(0, 2))

    async def _start(self, project: str) -> tuple[asyncio.subprocess.Process, int]:
        """Return a server that listens."""
        while True:
            port = await self._port()
            boot = next(self._boots)
            self._ledger.begins(boot, project, port)
            process = await asyncio.create_subprocess_exec(
                *_command(port, boot),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                cwd=self._folder / project,
                env=_environment(),
            )
            assert process.stdout is not None
            if await process.stdout.readline() == LISTENING:
                self._ledger.up(project)
                self.started += 1
                return process, port
            await process.wait()  # somebody else has the port

    async def _end(
        self, project: str, process: asyncio.subprocess.Process, port: int, how: signal.Signals
    ) -> None:
        self._ledger.down(project)
        process.send_signal(how)
        await process.wait()
        self._ports[port] = time.monotonic()

    async def _port(self) -> int:
        while True:
            rested = time.monotonic() - _REST
            if free := [port for port, left in self._ports.items() if left <= rested]:
                port = self._random.choice(free)
                del self._ports[port]
                return port
            await asyncio.sleep(_REST / 10)

    async def _or_over(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.over.wait()


def _command(port: int, boot: str) -> Sequence[str]:
    return (sys.executable, "-m", "tests.rig.witness", str(port), boot)


def _environment() -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}
