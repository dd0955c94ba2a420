"""A worker: a process that serves a share of a router's clients. It ends with its owner.

It has nothing of its own: names, tables and the word to end come from the owner, over a socket
that only these two have, and so does the application that answers what is for the router itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from opencoderouter import __version__
from opencoderouter.access.audit import Audit
from opencoderouter.core.keyring import Keyring
from opencoderouter.core.model import Listener
from opencoderouter.core.table import Table
from opencoderouter.proxy.context import Record
from opencoderouter.proxy.lane.accesslog import AccessLog, open_access_log
from opencoderouter.proxy.lane.lane import Lane
from opencoderouter.proxy.lane.occupancy import Occupancy
from opencoderouter.proxy.lane.routing import Routing
from opencoderouter.proxy.lane.stats import Stats
from opencoderouter.proxy.lane.strikes import Strikes
from opencoderouter.proxy.listening import accepting
from opencoderouter.proxy.tls import Tls, TlsError, context
from opencoderouter.wiring import entry, logs, loop
from opencoderouter.wiring.clock import clock
from opencoderouter.wiring.messages import Close, Start, encode, read

if TYPE_CHECKING:  # it brings a whole HTTP client along, which few workers need
    from opencoderouter.opencode.client import Client

log = logging.getLogger(__name__)
_OFTEN = 1.0  # seconds between two reports to the owner, when there is something new
HEARTBEAT = 3.0  # seconds between two when there is not: who says nothing is replaced


class Serving(Protocol):
    """What a lane is to its worker."""

    def protocol(self) -> asyncio.Protocol:
        """Return what serves one connection."""

    async def run(self) -> None:
        """Service: until cancelled."""

    async def finish(self, grace: float) -> None:
        """Let requests end; cut them off after so many seconds."""


@dataclass(frozen=True, slots=True)
class _Ends:
    """The worker's ends of what its owner has given it, and its rows of what is counted together.

    Over ``control`` go messages; whoever holds the other end of ``handover`` serves the application
    to sockets that are sent there.
    """

    control: socket.socket
    handover: socket.socket
    occupancy: Occupancy
    strikes: Strikes
    listening: Sequence[socket.socket]

    def dial(self) -> socket.socket:
        """Return an end of a stream, the other end of which the application serves.

        Raises OSError: the owner has more to do than it can.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self.handover, [b"."], [theirs.fileno()], socket.MSG_DONTWAIT)
            except OSError:
                ours.close()
                raise
        return ours


class _Inquirer:
    """Asks backends as the owner does, with a client that is made when somebody is to be asked."""

    def __init__(self, timeout: float, end: AsyncExitStack) -> None:
        self._timeout, self._end = timeout, end
        self._client: Client | None = None

    async def busy(self, listener: Listener) -> frozenset[str] | None:
        """Return the ids of the sessions at work, or None when the server does not tell."""
        if self._client is None:
            from opencoderouter.wiring.opencode import opencode_client

            self._client = await self._end.enter_async_context(opencode_client(self._timeout))
        return await self._client.busy(listener)


class _Worker:
    """What the owner has said so far, and what this process counts."""

    def __init__(self, ends: _Ends, start: Start, table: Table, keyring: Keyring) -> None:
        """Raise TlsError when the certificate, good at the start of the router, is not now."""
        self._ends, self._start = ends, start
        self._table, self._keyring = table, keyring
        self._tls = context(*start.tls) if start.tls else None
        self._closing = asyncio.Event()
        self.stats = Stats()

    def routing(self, logs_: _Logs, end: AsyncExitStack) -> Routing:
        """Return what the lane needs; ``end`` ends what it will have made."""
        door, proof = entry.asked(self._start.auth)
        return Routing(
            table=lambda: self._table,
            names=self._start.names,
            inquirer=_Inquirer(self._start.probe_timeout, end),
            dial=self._ends.dial,
            limits=self._start.limits,
            occupancy=self._ends.occupancy,
            strikes=self._ends.strikes,
            stats=self.stats,
            access=logs_.access,
            closing=self._closing,
            keyring=lambda: self._keyring,
            door=door,
            record=logs_.record,
            now=clock,
            proof=proof,
            scheme="https" if self._tls else "http",
        )

    async def serve(
        self, lane: Serving, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve clients until the owner says that it is time to end, and those that are left."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(lane.run(), name="lane"),
                group.create_task(self._hear(reader), name="hear"),
            ]
            tls = Tls(self._tls, self._start.limits, group) if self._tls else None
            async with accepting(lane.protocol, self._ends.listening, tls):
                tasks.append(group.create_task(self._tell(writer), name="tell"))
                await self._closing.wait()
            await lane.finish(self._start.grace)
            for task in tasks:
                task.cancel()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        while (message := await read(reader)) is not None:
            if isinstance(message, Table):
                self._table = message
            elif isinstance(message, Keyring):
                self._keyring = message
            elif isinstance(message, Close):
                self._closing.set()
        os._exit(1)  # the owner is gone, and with it whoever may listen to this port

    async def _tell(self, writer: asyncio.StreamWriter) -> None:
        told, silent = None, 0.0
        with suppress(ConnectionError):  # whoever listens to the owner hears of its end
            while True:
                figures = self.stats.snapshot()
                if figures != told or silent >= HEARTBEAT:
                    writer.write(encode(figures))
                    await writer.drain()
                    told, silent = figures, 0.0
                await asyncio.sleep(_OFTEN)
                silent += _OFTEN


@dataclass(frozen=True, slots=True)
class _Logs:
    """What this process writes to; several processes append to the same files."""

    access: AccessLog | None
    record: Record


def _open_logs(start: Start, end: AsyncExitStack) -> _Logs:
    later = asyncio.get_running_loop().call_later
    access = open_access_log(start.access_log, start.log_size, start.access_log_format, later)
    if access is not None:
        end.callback(access.close)
    if start.audit is None:
        return _Logs(access, _unheard)
    audit = Audit(start.audit, start.log_size, later=later)
    end.callback(audit.close)
    return _Logs(access, audit.record)


def _unheard(_: str, /, **__: object) -> None:
    pass


async def _main(ends: _Ends, make: Callable[[Routing], Serving]) -> int:
    # A copy: the owner takes the end of the socket itself for that of the process.
    reader, writer = await asyncio.open_unix_connection(sock=ends.control.dup())
    start, table, keyring = [await read(reader) for _ in range(3)]
    if not (isinstance(start, Start) and isinstance(table, Table) and isinstance(keyring, Keyring)):
        return 1  # the owner has changed its mind
    logs.configure(start.log_format, start.log_level)
    try:
        worker = _Worker(ends, start, table, keyring)
    except TlsError as error:
        log.error("tls: %s", error)  # noqa: TRY400 - it says all
        return 1
    async with AsyncExitStack() as end:
        logs_ = _open_logs(start, end)
        await worker.serve(make(worker.routing(logs_, end)), reader, writer)
    writer.write(encode(worker.stats.snapshot()))
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return 0


def main(make: Callable[[Routing], Serving] = Lane) -> None:
    """Work for the owner whose version and descriptors the arguments are."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the owner decides when to end
    version, *numbers = sys.argv[1:]
    if version != __version__:
        sys.exit(f"worker: this is {__version__}, not {version}: restart the router")
    row, control, handover, occupancy, strikes, *listening = map(int, numbers)
    ends = _Ends(
        socket.socket(fileno=control),
        socket.socket(fileno=handover),
        Occupancy.attach(occupancy, row),
        Strikes.attach(strikes, row),
        [socket.socket(fileno=one) for one in listening],
    )
    # Not sys.exit(): the control socket is the last to be closed.
    os._exit(loop.run(_main(ends, make)))
