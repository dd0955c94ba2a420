"""What the launcher knows of one managed project and its server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from opencoderouter.core.managed import Managed
from opencoderouter.core.model import FLEETING, Kind, Listener, Status
from opencoderouter.core.named import is_local
from opencoderouter.core.printable import printable
from opencoderouter.core.table import Table
from opencoderouter.kernel.processes import descendants, process
from opencoderouter.launch import machine, reasons
from opencoderouter.launch.output import Output
from opencoderouter.launch.pipe import Pipe


@dataclass(slots=True, eq=False)
class Server:
    """Mutable, and only the launcher mutates it.

    ``name`` is that of the process it has, else empty: then ``pid``, ``port`` and ``listener`` are
    those of the last one.
    """

    directory: str
    state: machine.State = field(default_factory=machine.Stopped)
    name: str = ""
    pid: int | None = None
    port: int | None = None
    listener: Listener | None = None
    refused: set[int] = field(default_factory=set)  # ports that it ended on before it answered
    restarts: int = 0
    reason: str = ""
    yielded: bool = False  # wanted, but left to who serves the directory; ours when they go
    output: Output = field(default_factory=Output)
    pipe: Pipe | None = None
    timer: asyncio.TimerHandle | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)  # set unless it is being stopped
    command: tuple[str, ...] = ()  # what starts servers here

    @property
    def shown(self) -> str:
        """Return the directory as a log may have it."""
        return printable(self.directory)

    @property
    def managed(self) -> Managed:
        """Return what others may know."""
        pid, port = (self.pid, self.port) if self.name else (None, None)
        return Managed(self.directory, _status(self.state), pid, port, self.restarts, self.reason)

    def enter(self, state: machine.State) -> None:
        """Take on a state; one without a process forgets the process."""
        self.state = state
        if isinstance(state, machine.Stopping):
            self.settled.clear()
        else:
            self.settled.set()
        if not isinstance(state, machine.Starting | machine.Ready | machine.Stopping):
            self.name = ""
            self._hang_up()

    def begin(self, name: str, port: int | None) -> Pipe:
        """Take note of a process to come; return the pipe for its output."""
        self.name, self.pid, self.port, self.listener = name, None, port, None
        if isinstance(self.state, machine.Starting) and self.state.failures:
            self.restarts += 1
        self._hang_up()
        self.pipe = Pipe(self.output)
        return self.pipe

    def answers(self, table: Table) -> bool:
        """Tell whether discovery has found this server, and it has answered."""
        here = (b for b in table.backends() if is_local(b.identity.directory))
        ready = (b.listener for b in here if b.status is not Status.STARTING)
        self.listener = next(filter(self._is_ours, ready), None)
        return self.listener is not None

    def rival(self, table: Table) -> Listener | None:
        """Return the socket of another server that has the directory, and may keep it for long.

        Whoever listens can claim a directory: it must be an OpenCode process, or our command.
        """
        project = table.serving(self.directory)
        listeners = (backend.listener for backend in project.backends) if project else ()
        lasting = (listener for listener in listeners if listener.kind not in FLEETING)
        others = (listener for listener in lasting if not self._was_ours(listener))
        return next(filter(self._is_proven, others), None)

    def taken(self, table: Table) -> str:
        """Return who else serves the directory, which is theirs then; empty when nobody does."""
        rival = self.rival(table)
        return reasons.served(rival.pid, rival.port) if rival else ""

    def _hang_up(self) -> None:
        if self.pipe is not None:
            self.pipe.end()
            self.pipe = None

    def _is_ours(self, listener: Listener) -> bool:
        if listener.pid is None:  # the kernel cannot be asked
            return listener.port == self.port
        if self.pid is None or listener.pid == self.pid:
            return listener.pid == self.pid
        # OpenCode behind a wrapper, as version managers have.
        return listener.port == self.port and listener.pid in descendants(self.pid)

    def _is_proven(self, listener: Listener) -> bool:
        if listener.kind is not Kind.OTHER:
            return True
        if listener.pid is None:
            return listener.inode is None  # the kernel cannot be asked
        owner, length = process(listener.pid), len(self.command)
        if owner is None or not self.command:
            return False
        # A script's interpreter comes before it.
        return self.command in (owner.argv[:length], owner.argv[1 : length + 1])

    def _was_ours(self, listener: Listener) -> bool:
        """Tell whether a socket is that of the last process, which discovery may still list."""
        if listener.pid is None:
            return listener.port == self.port
        known = self.listener is not None and listener.key == self.listener.key
        return known or listener.pid == self.pid


def _status(state: machine.State) -> Status:
    match state:
        case machine.Stopped() | machine.Stopping(then=machine.Then.STAY):
            return Status.STOPPED
        case machine.BackingOff() | machine.Stopping(then=machine.Then.RETRY):
            return Status.FAILED
        case machine.Ready():
            return Status.READY
        case _:
            return Status.STARTING
