"""The owner's side of the workers: start them, replace them, tell them, end them.

A worker is a process that accepts on a share of the port's sockets. Whenever it does not, because
it is still starting or is to be replaced in a while, the owner accepts there itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass
from typing import NamedTuple

from opencoderouter import __version__
from opencoderouter.core.keyring import Keyring
from opencoderouter.proxy.closing import unless
from opencoderouter.proxy.lane.occupancy import Occupancy
from opencoderouter.proxy.lane.stats import Snapshot, ended, merge
from opencoderouter.proxy.lane.strikes import Strikes
from opencoderouter.registry import Registry
from opencoderouter.watch import Watch
from opencoderouter.wiring.messages import Close, Message, Start, encode, read

log = logging.getLogger(__name__)

Sockets = Sequence[socket.socket]

_LIVED = 60.0  # seconds after which an end is no sign of an illness
_PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # seconds before the next, by ends in a row
_SILENCE = 20.0  # seconds after which a worker that says nothing hangs
_MARGIN = 2.0  # seconds to end in, after the grace is over
# A worker finds its modules where this process does, and -I: nowhere else.
_PROGRAM = """import os, sys; sys.path[:] = sys.argv.pop(1).split(os.pathsep)
from {} import main; main()"""


@dataclass(frozen=True, slots=True)
class Owner:
    """What the workers of a router need of its owner.

    ``serve_local`` serves the application to whoever has the other end of a socket; ``accept``
    serves clients on listening sockets while its block runs, and closes these.
    """

    registry: Registry
    keyring: Watch[Keyring]
    occupancy: Occupancy
    strikes: Strikes
    closing: asyncio.Event
    serve_local: Callable[[socket.socket], object]
    accept: Callable[[Sockets], AbstractAsyncContextManager[None]]


class Workers:
    """One worker for each share of sockets; its row of the occupancy counts from 1.

    The sockets are closed when the router closes. ``module`` has the ``main`` of a worker.
    """

    def __init__(
        self,
        start: Start,
        shares: Sequence[Sockets],
        *,
        module: str = "opencoderouter.wiring.worker",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shares = [
            _Share(row, sockets, start, module, clock) for row, sockets in enumerate(shares, 1)
        ]

    def snapshots(self) -> list[Snapshot]:
        """Return the figures of the workers; of those that have ended, what they leave behind."""
        return [figures for share in self._shares for figures in (share.left, share.figures)]

    async def run(self, owner: Owner) -> None:
        """Service: keep a worker at each share; when the router closes, until all have ended."""
        news = Watch(News(encode(owner.registry.table), encode(owner.keyring.value)))
        async with asyncio.TaskGroup() as group:
            publish = [
                group.create_task(_tables(owner.registry, news), name="tables"),
                group.create_task(_keyrings(owner.keyring, news), name="keyrings"),
            ]
            async with asyncio.TaskGroup() as keepers:
                for share in self._shares:
                    keepers.create_task(share.run(owner, news), name="worker")
            for task in publish:
                task.cancel()


class News(NamedTuple):
    """What workers are told whenever it changes, encoded once for all of them."""

    table: bytes
    keyring: bytes


async def _tables(registry: Registry, news: Watch[News]) -> None:
    async for table in registry.follow():
        news.set(news.value._replace(table=encode(table)))


async def _keyrings(keyring: Watch[Keyring], news: Watch[News]) -> None:
    async for value in keyring.follow():
        news.set(news.value._replace(keyring=encode(value)))


class _Share:
    """The sockets of one worker, and what is known of it."""

    def __init__(
        self, row: int, sockets: Sockets, start: Start, module: str, clock: Callable[[], float]
    ) -> None:
        self._row, self._sockets, self._module, self._clock = row, sockets, module, clock
        self._start, self._grace = encode(start), start.grace
        self.figures = self.left = merge(())

    async def run(self, owner: Owner, news: Watch[News]) -> None:
        """Keep a worker until the router closes."""
        ends = 0
        with ExitStack() as own:
            for one in self._sockets:
                own.enter_context(one)
            while not owner.closing.is_set():
                began = self._clock()
                what = await self._turn(pause(ends), owner, news)
                ends = 1 if self._clock() - began >= _LIVED else ends + 1
                if not owner.closing.is_set():
                    log.warning("worker ended row=%d %s next=%.0fs", self._row, what, pause(ends))

    async def _turn(self, wait: float, owner: Owner, news: Watch[News]) -> str:
        """Have a worker, after a wait; return what became of it."""
        async with AsyncExitStack() as cover:
            await cover.enter_async_context(owner.accept([one.dup() for one in self._sockets]))
            if not await unless(owner.closing, asyncio.sleep(wait)):
                return ""
            try:
                worker = _Worker(self._module, self._row, self._sockets, owner)
            except OSError as error:
                return f"error={error}"
            try:
                await self._employ(worker, owner, news, cover)
            finally:
                code = worker.end()
                owner.occupancy.clear(self._row)
                self.left = merge((self.left, ended(self.figures)))
                self.figures = merge(())
            return f"pid={worker.process.pid} code={code}"

    async def _employ(
        self, worker: _Worker, owner: Owner, news: Watch[News], cover: AsyncExitStack
    ) -> None:
        """Tell a worker what it needs to know, and listen to it, until it is gone."""
        log.info("worker started row=%d pid=%d", self._row, worker.process.pid)
        await worker.connect(owner.serve_local)
        async with asyncio.TaskGroup() as group:
            tell = group.create_task(self._tell(worker, news), name="tell")
            close = group.create_task(self._close(worker, owner.closing, cover), name="close")
            async for figures in worker.figures():
                await cover.aclose()  # it accepts now
                self.figures = figures
            tell.cancel()
            close.cancel()

    async def _tell(self, worker: _Worker, news: Watch[News]) -> None:
        """Tell what is newest again and again; while it is being sent, newer things may come."""
        told: tuple[bytes, ...] = ()
        with suppress(ConnectionError):  # it is gone, and who listens to it knows
            await worker.send(self._start)
            async for newest in news.follow():
                for message in (one for one in newest if one not in told):
                    await worker.send(message)
                told = newest

    async def _close(self, worker: _Worker, closing: asyncio.Event, cover: AsyncExitStack) -> None:
        """When the router closes, let nobody come in any more, and the worker end."""
        await closing.wait()
        await cover.aclose()
        for one in self._sockets:
            one.close()
        worker.write(encode(Close()))
        await asyncio.sleep(self._grace + _MARGIN)
        worker.process.kill()


def pause(ends: int) -> float:
    """Return the seconds before a worker follows one that was the ``ends``-th to end in a row."""
    return _PAUSES[min(max(ends, 1), len(_PAUSES)) - 1]


class _Worker:
    """A worker process, and the owner's ends of what leads there."""

    def __init__(self, module: str, row: int, sockets: Sockets, owner: Owner) -> None:
        with ExitStack() as ours, ExitStack() as theirs:
            self._control, control = _pair(socket.SOCK_STREAM, ours, theirs)
            self._handover, handover = _pair(socket.SOCK_SEQPACKET, ours, theirs)
            shared = (owner.occupancy.fileno(), owner.strikes.fileno())
            passed = [control, handover, *shared, *(one.fileno() for one in sockets)]
            self.process = _start(module, row, passed)
            self._ends = ours.pop_all()

    async def connect(self, serve_local: Callable[[socket.socket], object]) -> None:
        """Begin to speak with it, and to serve the application through it."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._handover, self._take, serve_local)
        self._ends.callback(loop.remove_reader, self._handover)
        self._reader, self._writer = await asyncio.open_unix_connection(sock=self._control)
        self._ends.callback(self._writer.transport.abort)
        self._writer.transport.set_write_buffer_limits(0)

    def write(self, message: bytes) -> None:
        """Send a message as soon as may be."""
        self._writer.write(message)

    async def send(self, message: bytes) -> None:
        """Return when all of a message is on its way. Raises ConnectionError."""
        self._writer.write(message)
        await self._writer.drain()

    async def figures(self) -> AsyncIterator[Snapshot]:
        """Yield its figures: first when it has begun to accept, then of now and then to its end.

        One that hangs is at its end, too.
        """
        while isinstance(message := await self._heard(), Snapshot):
            yield message

    async def _heard(self) -> Message | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_SILENCE):
                return await read(self._reader)
        log.error("worker hangs pid=%d", self.process.pid)
        return None

    def _take(self, serve_local: Callable[[socket.socket], object]) -> None:
        """Take the end of a socket pair, the other end of which the worker has."""
        with suppress(BlockingIOError, ConnectionError):
            data, fds, _, _ = socket.recv_fds(self._handover, 1, 1, socket.MSG_CMSG_CLOEXEC)
            for fd in fds:
                serve_local(socket.socket(fileno=fd))
            if not data:
                asyncio.get_running_loop().remove_reader(self._handover)

    def end(self) -> int:
        """Make sure that it is gone; return its exit code."""
        self._ends.close()
        self.process.kill()  # who has closed the control socket is ending, or never will
        return self.process.wait()


def _pair(kind: int, ours: ExitStack, theirs: ExitStack) -> tuple[socket.socket, int]:
    one, other = socket.socketpair(socket.AF_UNIX, kind)
    one.setblocking(False)  # noqa: FBT003 - the standard library's
    ours.enter_context(one)
    return one, theirs.enter_context(other).fileno()


def _start(module: str, row: int, passed: Sequence[int]) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(filter(None, sys.path))
    numbers = map(str, (row, *passed))
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-I", "-c", _PROGRAM.format(module), path, __version__, *numbers],
        pass_fds=passed,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # signals of the terminal are the owner's
    )
