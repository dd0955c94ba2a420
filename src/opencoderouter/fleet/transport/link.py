"""A host over Fabric: one connection that is kept, and shared by all that is done there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from fabric import Connection
from paramiko import Channel

from opencoderouter.core.fleet.model import Resolved, Unreached
from opencoderouter.core.fleet.transport import Completed, NotForwarded, Stream
from opencoderouter.fleet import verdict
from opencoderouter.fleet.attempts import Attempts
from opencoderouter.fleet.dial import ByteStream, Names, ProxyCommand, dial, limit_of
from opencoderouter.fleet.known_hosts import Known
from opencoderouter.fleet.process import Command
from opencoderouter.fleet.threads import Threads
from opencoderouter.fleet.transport.channels import ChannelStream, Lost, Runner, forwarded
from opencoderouter.fleet.transport.opening import Opening, close
from opencoderouter.fleet.transport.wire import Wire, environment, quiet
from opencoderouter.fleet.verdict import Mends, Unable

T = TypeVar("T")
SESSIONS = 10  # commands at once over one connection: MaxSessions of sshd_config(5)
_FRESH = 5.0  # seconds that the failure of a jump host counts for what is behind it


@dataclass(frozen=True, slots=True)
class Means:
    """What all links share. ``starts`` limits the logins that one server has to deal with."""

    threads: Threads
    names: Names
    starts: Callable[[object], asyncio.Semaphore]
    persist: float
    limit: float


@dataclass(frozen=True, slots=True)
class Target:
    """A host as it is configured now. ``hop`` is the last of its jump hosts."""

    resolved: Resolved
    known: Callable[[], Known]  # called for each connection: what is known by then counts
    mends: Mends
    hop: Hop | None = None


@dataclass(frozen=True, slots=True)
class Hop:
    """A jump host."""

    name: str
    link: FabricLink
    target: Target


@dataclass(slots=True)
class _Kept:
    """An open connection; ``freed`` is called when it is closed, ``limit`` is for channels."""

    connection: Connection
    sock: ByteStream
    freed: Callable[[], None]
    resolved: Resolved
    limit: float
    sessions: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SESSIONS))
    users: int = 0

    @property
    def wire(self) -> Wire:
        return self.connection.transport  # type: ignore[no-any-return]

    @property
    def alive(self) -> bool:
        return bool(self.connection.is_connected)


class FabricLink:
    """One host. ``Unable`` is what it returns where OpenSSH is to do it."""

    def __init__(self, means: Means) -> None:
        quiet()
        self._means = means
        self._attempts = Attempts[_Kept, Unreached | Unable]()
        self._kept: _Kept | None = None
        self._opening: Opening | None = None
        self._reached = ""
        self._timer: asyncio.TimerHandle | None = None

    async def run(
        self, target: Target, command: Command, within: float
    ) -> Completed | Unreached | Unable:
        """Run a command, as ``core.fleet.transport.Link`` says."""
        variables = environment(target.resolved)

        async def work(kept: _Kept) -> Completed | Unreached:
            runner = Runner(self._means.threads, kept.wire, variables, kept.limit)
            async with kept.sessions:
                return await runner.run(command)

        return await self._bounded(target, within, work)

    async def connect(
        self, target: Target, address: tuple[str, int], within: float
    ) -> Stream | NotForwarded | Unreached | Unable:
        """Open a stream, as ``core.fleet.transport.Link`` says."""
        threads = self._means.threads

        async def work(kept: _Kept) -> Stream | NotForwarded:
            channel = await forwarded(threads, kept.wire, address, kept.limit)
            if isinstance(channel, NotForwarded):
                return channel
            return ChannelStream(threads, channel, self._use(kept))

        return await self._bounded(target, within, work)

    async def tunnel(
        self, target: Target, address: tuple[str, int]
    ) -> tuple[Channel, Callable[[], None]] | NotForwarded | Unreached | Unable:
        """Return a channel to a host behind this one, and what is to be called at its end.

        That this host was not reached just now is the answer for all that are behind it.
        """
        if (failure := self._attempts.recent(_FRESH)) is not None:
            return failure

        async def work(kept: _Kept) -> tuple[Channel, Callable[[], None]] | NotForwarded:
            channel = await forwarded(self._means.threads, kept.wire, address, kept.limit)
            return channel if isinstance(channel, NotForwarded) else (channel, self._use(kept))

        return await self._twice(target, work)

    def is_open(self, resolved: Resolved) -> bool:
        """Tell whether there is a connection to the host as it is configured now."""
        kept = self._kept
        return kept is not None and kept.alive and kept.resolved == resolved

    def close(self) -> None:
        """End the connection."""
        if self._timer is not None:
            self._timer.cancel()
        self._drop()

    async def _bounded(
        self, target: Target, within: float, work: Callable[[_Kept], Awaitable[T]]
    ) -> T | Unreached | Unable:
        at_work = False

        async def noted(kept: _Kept) -> T:
            nonlocal at_work
            at_work = True
            try:
                return await work(kept)
            except Lost:
                at_work = False
                raise

        try:
            async with asyncio.timeout(within):
                return await self._twice(target, noted)
        except TimeoutError:
            return verdict.too_slow(within) if at_work else verdict.late(self._phase, within)

    async def _twice(
        self, target: Target, work: Callable[[_Kept], Awaitable[T]]
    ) -> T | Unreached | Unable:
        """Do something over the connection; over a new one if the kept one turns out dead."""
        reason = ""
        for _ in range(2):
            kept = await self._connected(target)
            if not isinstance(kept, _Kept):
                return kept
            done = self._use(kept)
            try:
                return await work(kept)
            except Lost as error:
                reason = str(error)
                self._drop(kept)
            finally:
                done()
        return verdict.broken(f"the connection was lost: {reason}")

    def _use(self, kept: _Kept) -> Callable[[], None]:
        """Keep the connection open until the returned function is called."""
        kept.users += 1
        if self._timer is not None:
            self._timer.cancel()

        def done() -> None:
            kept.users -= 1
            if not kept.users and kept is self._kept:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(self._means.persist, self._drop, kept)

        return done

    def _drop(self, kept: _Kept | None = None) -> None:
        """Close the connection (if it is still that one)."""
        gone = self._kept
        if gone is not None and (kept is None or kept is gone):
            self._kept = None
            gone.freed()
            self._means.threads.post(lambda: close(gone.connection, gone.sock))

    @property
    def _phase(self) -> str:
        return self._reached if self._opening is None else self._opening.phase

    async def _connected(self, target: Target) -> _Kept | Unreached | Unable:
        """Return the connection. Those who come while it is being made share what comes of it."""

        def current() -> _Kept | None:
            kept = self._kept if self.is_open(target.resolved) else None
            if kept is not None:  # it may be dead: leave time for another one
                kept.limit = limit_of(target.resolved, self._means.limit) / 2
            return kept

        async def make() -> tuple[_Kept, None] | tuple[None, Unreached | Unable]:
            self._drop()
            made = await self._make(target)
            if not isinstance(made, _Kept):
                return None, made
            self._kept = made
            return made, None

        kept, failure = await self._attempts.result(current, make)
        return kept or failure  # type: ignore[return-value] # one of them is there

    async def _make(self, target: Target) -> _Kept | Unreached | Unable:
        self._reached = "while connecting"
        async with self._means.starts(_server(target)):
            found = await self._stream(target)
            if not isinstance(found, tuple):
                return found
            sock, freed = found
            limit = limit_of(target.resolved, self._means.limit)
            opening = Opening(target.resolved, target.known, sock, limit, target.mends)
            self._opening = opening
            try:
                made = await self._means.threads.call(opening.run)
            except asyncio.CancelledError:
                self._reached = opening.phase
                self._means.threads.post(opening.abort)  # also what has just been opened
                freed()
                raise
            finally:
                self._opening = None
            if isinstance(made, Unreached | Unable):
                freed()
                return made
            return _Kept(made, sock, freed, target.resolved, limit)

    async def _stream(
        self, target: Target
    ) -> tuple[ByteStream, Callable[[], None]] | Unreached | Unable:
        """Return an open byte stream to the host."""
        resolved = target.resolved
        if target.hop is not None:
            return await _through(target, target.hop)
        if resolved.proxy_command:
            return await self._means.threads.make(
                lambda: ProxyCommand(resolved), ProxyCommand.close, _nothing
            ), _nothing
        limit = limit_of(resolved, self._means.limit)
        try:
            return await dial(resolved, self._means.names, limit), _nothing
        except TimeoutError:
            return verdict.late("while connecting", limit)
        except OSError as error:
            return verdict.of_socket(error, resolved.hostname)


async def _through(
    target: Target, hop: Hop
) -> tuple[Channel, Callable[[], None]] | Unreached | Unable:
    resolved = target.resolved
    found = await hop.link.tunnel(hop.target, (resolved.hostname, resolved.port))
    if isinstance(found, NotForwarded):
        return verdict.of_forward(hop.name, found)
    if isinstance(found, Unreached):
        return verdict.behind(hop.name, found, target.mends.login)
    return Unable(f"{hop.name}: {found.reason}") if isinstance(found, Unable) else found


def _server(target: Target) -> object:
    """Return what tells apart the servers that see logins begin."""
    resolved = target.resolved
    if resolved.proxy_command:
        return resolved.proxy_command
    return (resolved.jumps, resolved.hostname, resolved.port)


def _nothing() -> None:
    pass
