"""The router's end of the guard: starts it when a server is wanted, and again when it was killed.

Nothing here waits for the guard: what it has done is told to ``heard``, on the event loop.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from opencoderouter.launch import tree

log = logging.getLogger(__name__)

_PAUSE = 0.01  # seconds between two looks at what is being killed
_STRAYS = 5.0  # seconds after which a dead child has nobody who waits for it
_END = 10.0  # seconds that the guard may take to end
_READ = 1 << 16
_PACKAGES = str(Path(__file__).parents[2])
_PROGRAM = """import sys; sys.path.append(sys.argv.pop(1))
from opencoderouter.launch.guard import main; main()"""


@dataclass(frozen=True, slots=True)
class Started:
    """The server's process runs."""

    pid: int


@dataclass(frozen=True, slots=True)
class NotStarted:
    """There is no process. ``path`` is what was not found or not allowed, if it was that."""

    errno: int
    path: str | None


@dataclass(frozen=True, slots=True)
class Looked:
    """Who is below the server is known."""


@dataclass(frozen=True, slots=True)
class Exited:
    """The server's process is gone; ``code`` is negative for a signal."""

    code: int


@dataclass(frozen=True, slots=True)
class Swept:
    """None of the server's tools is left."""


Report = Started | NotStarted | Looked | Exited | Swept


class _Guard:
    """A guard process, and the only descriptor that reaches it."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.sweeping: set[str] = set()
        self._rest = b""
        self.socket, theirs = socket.socketpair()
        self.socket.setblocking(False)  # noqa: FBT003 - the standard library's
        with theirs:
            self.process = _start(theirs.fileno())

    def send(self, do: str, server: str, *descriptors: int, **more: object) -> None:
        """Give an order. Raises OSError when the guard is gone, or does not listen."""
        order = json.dumps({"do": do, "server": server, **more})
        socket.send_fds(self.socket, [order.encode() + b"\n"], descriptors)

    def read(self) -> list[dict[str, Any]] | None:
        """Return what has been reported, or None when the guard is gone."""
        try:
            data = self.socket.recv(_READ)
        except BlockingIOError:
            return []
        except ConnectionError:
            data = b""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines] if data else None

    def end(self) -> None:
        """Make sure that it is gone."""
        self.socket.close()
        self.process.kill()
        self.process.wait()


class Keeper:
    """Starts, signals and sweeps servers by way of a guard. An async context manager.

    A server goes by a name that is never used again; it is its mark, and its tools'. While the
    block lasts, ``run`` must run. When it ends, guard, servers and tools are gone.
    """

    def __init__(self, heard: Callable[[str, Report], None]) -> None:
        self._heard = heard
        self._guard: _Guard | None = None
        self._lost: list[_Guard] = []  # killed, and not all of what they guarded is gone yet
        self._changed = asyncio.Event()  # a guard has been lost

    async def __aenter__(self) -> Self:
        tree.become_subreaper()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._guard is not None:
            await self._end(self._guard)
        for guard in self._lost:
            await _kill_marked(guard.running | guard.sweeping)

    async def run(self) -> None:
        """Service: clean up after a guard that was killed, and collect orphans that came here."""
        strays = frozenset[tuple[int, int]]()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_STRAYS):
                    await self._changed.wait()
            self._changed.clear()
            while self._lost:
                await self._recover(self._lost[0])
            strays = collect(strays)

    def spawn(
        self, server: str, argv: Sequence[str], directory: str, output: int, password: str | None
    ) -> None:
        """Start a server whose output goes to a descriptor, which the caller closes.

        ``password`` is told in its environment, and nowhere else. ``Started`` and at some time
        ``Exited`` follow; or ``NotStarted``.
        """
        try:
            guard = self._guard = self._guard or self._new()
            guard.send("spawn", server, output, argv=argv, directory=directory, password=password)
        except OSError as error:
            log.warning("guard failed server=%s error=%s", server, error)
            report = NotStarted(error.errno or 0, error.filename)
            asyncio.get_running_loop().call_soon(self._heard, server, report)
        else:
            guard.running.add(server)

    def look(self, server: str) -> None:
        """Remember who is below a server; ``Looked`` follows.

        They will be swept, too, even if they carry no mark and have lost their parents by then.
        """
        guard = self._guarding(server)
        if guard is not None:
            self._order(guard, "look", server)

    def signal(self, server: str, number: int) -> None:
        """Send a signal to a server's process group, if the server still runs."""
        guard = self._guarding(server)
        if guard is not None:
            self._order(guard, "signal", server, number=number)

    def sweep(self, server: str) -> None:
        """Kill what a server that has ended left behind; ``Swept`` follows."""
        guard = self._guarding(server)
        if guard is not None:
            guard.running.discard(server)
            guard.sweeping.add(server)
            self._order(guard, "sweep", server)

    def _guarding(self, server: str) -> _Guard | None:
        guards = (self._guard, *self._lost)
        return next((g for g in guards if g and server in g.running | g.sweeping), None)

    def _order(self, guard: _Guard, do: str, server: str, **more: object) -> None:
        if guard in self._lost:  # nothing to be done: its servers died with it
            return
        try:
            guard.send(do, server, **more)
        except OSError:  # it does not listen: its end is noticed by the reader
            guard.process.kill()

    def _new(self) -> _Guard:
        guard = _Guard()
        asyncio.get_running_loop().add_reader(guard.socket, self._read, guard)
        log.info("guard started pid=%d", guard.process.pid)
        return guard

    def _read(self, guard: _Guard) -> None:
        said = guard.read()
        if said is None:
            self._lose(guard)
        for fields in said or ():
            server, report = fields.pop("server"), _report(**fields)
            if isinstance(report, NotStarted):
                guard.running.discard(server)
            if isinstance(report, Swept):
                guard.sweeping.discard(server)
            self._heard(server, report)

    def _lose(self, guard: _Guard) -> None:
        asyncio.get_running_loop().remove_reader(guard.socket)
        guard.end()
        self._guard = None
        self._lost.append(guard)
        self._changed.set()

    async def _recover(self, guard: _Guard) -> None:
        """Kill what the guard would have killed, and report what it cannot any more."""
        log.warning("guard ended pid=%d servers=%d", guard.process.pid, len(guard.running))
        await _kill_marked(guard.running | guard.sweeping)
        for server in sorted(guard.running):
            self._heard(server, Exited(-signal.SIGKILL))
        for server in sorted(guard.sweeping):
            self._heard(server, Swept())
        self._lost.remove(guard)

    async def _end(self, guard: _Guard) -> None:
        """Let the guard kill what is left, and end."""
        self._changed.clear()
        with suppress(OSError, TimeoutError):
            guard.socket.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(_END):
                await self._changed.wait()
        if self._guard is guard:
            self._lose(guard)


def _start(descriptor: int) -> subprocess.Popen[bytes]:
    # -I: neither a project's json.py nor PYTHONPATH decides what is imported. This package may be
    # where only this process looks for it, so the way there is told, as the last: no neighbour of
    # it is taken for a standard module.
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-I", "-c", _PROGRAM, _PACKAGES, str(descriptor)],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def _report(did: str, **fields: Any) -> Report:  # noqa: ANN401 - JSON is anything
    kinds: dict[str, Callable[..., Report]] = {
        "started": Started,
        "failed": NotStarted,
        "looked": Looked,
        "exited": Exited,
        "swept": Swept,
    }
    return kinds[did](**fields)


async def _kill_marked(servers: AbstractSet[str]) -> None:
    """Kill the descendants of this process that carry one of these marks, and their own."""
    victims, quiet = set[int](), 0
    while quiet < tree.LOOKS:
        now = tree.read_tree()
        roots = {p for p in tree.below(now, [os.getpid()]) if tree.mark_of(p) in servers}
        found = {p for p in roots | tree.below(now, roots) if not now[p].zombie}
        victims |= found
        _reap(victims)
        quiet = 0 if tree.kill(found) else quiet + 1
        await asyncio.sleep(_PAUSE)


def collect(strays: frozenset[tuple[int, int]]) -> frozenset[tuple[int, int]]:
    """Reap children that were dead at the last look, too; return those that are dead now.

    Who starts a process waits for it; an orphan that came here has nobody else.
    """
    try:
        found = tree.unreaped()
    except ChildProcessError:
        found = 0
    if found == 0:  # usually so, and much sooner known than all processes
        return frozenset()
    dead = ((pid, stat) for pid, stat in tree.read_tree().items() if stat.zombie)
    mine = {(pid, stat.started) for pid, stat in dead if stat.parent == os.getpid()}
    _reap(pid for pid, _ in mine & strays)
    return frozenset(mine - strays)


def _reap(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
