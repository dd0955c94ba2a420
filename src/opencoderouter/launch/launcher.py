"""Runs the machine of each managed project: what happens goes in, what comes out is done.

Everything here runs on the event loop, and one event at a time. Only discovery tells whether a
server answers, so there is one truth about that.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence

from opencoderouter.core.managed import Managed
from opencoderouter.core.printable import printable
from opencoderouter.kernel.commands import serving
from opencoderouter.kernel.sockets import Listeners
from opencoderouter.launch import keeper, machine, reasons
from opencoderouter.launch.directory import real_directories
from opencoderouter.launch.keeper import Keeper, Report
from opencoderouter.launch.machine import Event, Phase, Policy, Stopping
from opencoderouter.launch.password import new_password
from opencoderouter.launch.ports import free_port
from opencoderouter.launch.server import Server
from opencoderouter.opencode.client import Client
from opencoderouter.registry import Registry
from opencoderouter.watch import Watch

log = logging.getLogger(__name__)

_AT_ONCE = 2  # on two cores, four at once take 6 seconds each instead of 1


class Launcher:
    """Starts a server in each of a router's projects, and keeps it running.

    ``command`` is followed by ``serve --hostname 127.0.0.1 --port N``, with N from ``ports`` but
    not from ``reserved``, and with a password of its own, new at each start. Where the kernel
    lists no ``listeners`` (macOS) nobody could find that again, so there is none. Implements
    ``core.managed.Supervisor``; a project that was stopped on request stays listed.
    """

    def __init__(  # noqa: PLR0913 - by name, and once
        self,
        registry: Registry,
        client: Client,
        *,
        command: Sequence[str],
        ports: range,
        reserved: frozenset[int],
        listeners: Listeners | None,
        policy: Policy = Policy(),  # noqa: B008 - a frozen value
    ) -> None:
        self._registry, self._client = registry, client
        self._command, self._listeners, self._policy = command, listeners, policy
        self._ports, self._reserved = ports, reserved
        self._servers: dict[str, Server] = {}
        self._watch: Watch[Mapping[str, Managed]] = Watch({})
        self._at_once = 0  # nothing starts before discovery is ready, or while stopping
        self._keeper = Keeper(self._heard)
        self._tasks = asyncio.TaskGroup()
        self._boot, self._count = secrets.token_hex(8), itertools.count(1)

    @property
    def managed(self) -> Mapping[str, Managed]:
        """Return the managed projects by directory."""
        return self._watch.value

    def follow(self) -> AsyncIterator[Mapping[str, Managed]]:
        """Yield the managed projects of now, then the newest after each change."""
        return self._watch.follow()

    async def run(self, directories: Sequence[str], *, ready: asyncio.Event) -> None:
        """Service: once ``ready``, start a server in each directory that nobody serves yet.

        Raises ValueError, before anything starts, when one is not a directory. Cancelled, it
        returns when all servers and their tools are gone. It runs once.
        """
        command = tuple(self._command)
        self._servers = {d: Server(d, command=command) for d in real_directories(directories)}
        self._registry.lease(*self._servers)
        for server in self._servers.values():
            self._handle(server, Event.START_ASKED)
        async with self._keeper, self._tasks:
            self._tasks.create_task(self._keeper.run(), name="launch guard")
            self._tasks.create_task(self._follow(), name="launch follow")
            try:
                await ready.wait()
                self._at_once = _AT_ONCE
                self._settle()
                await asyncio.Event().wait()
            finally:
                await self._stop_all()

    async def start(self, directory: str) -> None:
        """Start the server unless it runs. Raises KeyError when the directory is not managed.

        While somebody else serves the directory, it stays stopped and its ``reason`` says so.
        """
        server = self._servers[directory]
        server.reason = ""
        self._handle(server, Event.START_ASKED)

    async def stop(self, directory: str) -> None:
        """Stop the server and its tools; returns when they are gone. Raises KeyError, too."""
        server = self._servers[directory]
        server.reason, server.yielded = "", False
        self._handle(server, Event.STOP_ASKED)
        await server.settled.wait()

    async def restart(self, directory: str) -> None:
        """Stop, then start; returns when the old server is gone. Raises KeyError, too."""
        server = self._servers[directory]
        server.reason = ""
        self._handle(server, Event.STOP_ASKED)
        self._handle(server, Event.START_ASKED)
        await server.settled.wait()

    def log(self, directory: str) -> tuple[str, ...]:
        """Return the last 200 lines the server printed, oldest first. Raises KeyError, too."""
        return self._servers[directory].output.lines

    async def _follow(self) -> None:
        async for _ in self._registry.follow():
            for server in self._servers.values():
                self._look_for(server)
            self._settle()

    def _look_for(self, server: Server) -> None:
        if isinstance(server.state, machine.Starting) and server.answers(self._registry.table):
            server.refused.clear()
            server.reason = ""
            self._handle(server, Event.ANSWERED)

    def _handle(self, server: Server, event: Event) -> None:
        self._step(server, event)
        self._settle()

    def _step(self, server: Server, event: Event) -> None:
        now = asyncio.get_running_loop().time()
        state, commands = machine.step(server.state, event, now, self._policy)
        server.enter(state)
        for command in commands:
            try:
                self._do(server, command)
            except Exception as error:  # noqa: BLE001 - the others follow: one wakes the project up
                self._failed(server, command, error)

    def _failed(self, server: Server, command: machine.Command, error: Exception) -> None:
        """Log why a command failed. A start has failed with it; the rest is a matter of time."""
        log.error("failed directory=%s command=%s", server.shown, command, exc_info=error)
        if isinstance(command, machine.Spawn):
            reason = reasons.unable(error)
            asyncio.get_running_loop().call_soon(self._not_spawned, server, server.name, reason)

    def _settle(self) -> None:
        """Give turns to those who wait, as many as may start at once; publish what is now."""
        for server in self._servers.values():
            if isinstance(server.state, machine.Stopped):
                self._heed_others(server)
        for server in self._servers.values():
            starting = (s for s in self._servers.values() if isinstance(s.state, machine.Starting))
            if sum(1 for _ in starting) >= self._at_once:
                break
            if isinstance(server.state, machine.Waiting):
                self._give_turn(server)
        managed = {directory: server.managed for directory, server in self._servers.items()}
        if managed != self.managed:
            self._watch.set(managed)

    def _heed_others(self, server: Server) -> None:
        """Note who serves a stopped project; start one that was left to them when they go."""
        server.reason = server.taken(self._registry.table)
        if server.yielded and self._at_once and not server.reason:
            server.yielded = False
            self._step(server, Event.START_ASKED)

    def _give_turn(self, server: Server) -> None:
        if reason := server.taken(self._registry.table):
            log.info("not started directory=%s reason=%s", server.shown, reason)
            server.reason, server.yielded = reason, True
            self._step(server, Event.STOP_ASKED)
        else:
            self._step(server, Event.TURN_GIVEN)

    def _do(self, server: Server, command: machine.Command) -> None:
        match command:
            case machine.Spawn():
                self._spawn(server)
            case machine.Dispose():
                self._keeper.look(server.name)  # before any of them loses its parent
            case machine.Signal(number):
                log.info("signal directory=%s pid=%s number=%d", server.shown, server.pid, number)
                self._keeper.look(server.name)
                self._keeper.signal(server.name, number)
            case machine.Sweep():
                self._keeper.sweep(server.name)
            case machine.WakeAt(time):
                self._wake_at(server, time)

    def _spawn(self, server: Server) -> None:
        name = server.name = f"{self._boot}-{next(self._count)}"
        port, failure = self._free_port(server), reasons.no_port(self._ports)
        try:
            pipe = server.begin(name, port)
        except OSError as error:  # too many open files
            port, failure = None, reasons.not_started(error.errno or 0, None, server.directory)
        else:
            try:
                if port is not None:
                    argv, password = [*self._command, *serving(port)], new_password(self._listeners)
                    self._keeper.spawn(name, argv, server.directory, pipe.entrance, password)
            finally:
                pipe.shut()
        if port is None:
            asyncio.get_running_loop().call_soon(self._not_spawned, server, name, failure)

    def _free_port(self, server: Server) -> int | None:
        others = (s for s in self._servers.values() if s.name and s is not server)
        return free_port(
            self._ports,
            listeners=self._listeners,
            taken=self._reserved | {s.port for s in others if s.port is not None},
            best=server.port,
            last=server.refused,
        )

    def _wake_at(self, server: Server, time: float) -> None:
        if server.timer is not None:
            server.timer.cancel()
        server.timer = asyncio.get_running_loop().call_at(time, self._wake, server)

    def _wake(self, server: Server) -> None:
        before = server.state
        self._step(server, Event.TICK)
        if isinstance(before, machine.Starting) and isinstance(server.state, Stopping):
            server.reason = reasons.too_slow(self._policy.start_timeout)
        self._settle()

    async def _dispose(self, server: Server) -> None:
        # One that has never answered has nothing to end, and its password is not known.
        name, listener = server.name, server.listener
        disposed = listener is not None and await self._client.dispose(listener)
        log.info("disposed directory=%s port=%s done=%s", server.shown, server.port, disposed)
        if server.name == name and isinstance(server.state, Stopping):
            self._handle(server, Event.DISPOSED)

    def _heard(self, name: str, report: Report) -> None:
        """Take a report of the guard's; those about processes that are done with say nothing."""
        server = next((s for s in self._servers.values() if s.name == name), None)
        if server is None:
            return
        match report:
            case keeper.Started(pid):
                server.pid = pid
                log.info("started directory=%s pid=%d port=%s", server.shown, pid, server.port)
                self._settle()
                self._look_for(server)
            case keeper.NotStarted(number, path):
                reason = reasons.not_started(number, path, server.directory)
                self._not_spawned(server, name, reason)
            case keeper.Looked():
                self._looked(server)
            case keeper.Exited(code):
                self._exited(server, code)
            case keeper.Swept():
                self._handle(server, Event.SWEPT)

    def _looked(self, server: Server) -> None:
        if isinstance(server.state, Stopping) and server.state.phase is Phase.DISPOSE:
            self._tasks.create_task(self._dispose(server), name=f"dispose {server.directory}")

    def _not_spawned(self, server: Server, name: str, reason: str) -> None:
        if server.name != name:
            return
        server.reason = reason
        log.warning("not started directory=%s reason=%s", server.shown, printable(reason))
        self._handle(server, Event.NOT_SPAWNED)

    def _exited(self, server: Server, code: int) -> None:
        if server.pipe is not None:
            server.pipe.read()
        if isinstance(server.state, machine.Starting) and server.port is not None:
            server.refused.add(server.port)
        if isinstance(server.state, Stopping):
            log.info("ended directory=%s pid=%s code=%d", server.shown, server.pid, code)
        else:
            server.reason = why = reasons.ended(code, server.output.lines)
            log.warning(
                "ended directory=%s pid=%s reason=%s", server.shown, server.pid, printable(why)
            )
        self._handle(server, Event.EXITED)

    async def _stop_all(self) -> None:
        self._at_once = 0
        for server in self._servers.values():
            self._handle(server, Event.STOP_ASKED)
        for server in self._servers.values():
            await server.settled.wait()
