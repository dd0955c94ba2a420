"""Which of the sockets that discovery lists are a managed server's own."""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType

import pytest

from opencoderouter.core import table as tables
from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Backend, Identity, Kind, Listener, Status
from opencoderouter.core.table import Table
from opencoderouter.launch import machine
from opencoderouter.launch.machine import Phase, Then
from opencoderouter.launch.server import Server

HOME = "/srv/app"
_OWN = tuple(Path("/proc/self/cmdline").read_text().split("\0"))
OURS = Listener("127.0.0.1", 30000, inode=1, pid=10, kind=Kind.SERVE)


def server(state: machine.State | None = None) -> Server:
    """Return a server that was given process 10 and port 30000."""
    made = Server(HOME, name="x-1", pid=10, port=30000)
    made.state = state or machine.Starting(60)
    return made


def table(listener: Listener, status: Status = Status.READY) -> Table:
    """Return a table in which this socket serves the project."""
    backend = Backend(listener, Identity(HOME, "1"), status)
    return tables.observe(Table(), [backend], MappingProxyType({HOME: "app"}))


@pytest.mark.parametrize(
    ("listener", "answers"),
    [
        (OURS, True),
        (Listener("127.0.0.1", 30001, inode=1, pid=10), True),
        (Listener("127.0.0.1", 30000), True),  # no pids to be had
        (Listener("127.0.0.1", 30001), False),
        (Listener("127.0.0.1", 30000, inode=1, pid=11), False),  # it took our port
    ],
)
def test_answers(listener: Listener, *, answers: bool) -> None:
    """Our server is the one with our pid, or without pids the one on our port."""
    assert server().answers(table(listener)) is answers


def test_a_named_server_is_not_ours() -> None:
    """Another machine's server, which has no pid here either, may have the same port."""
    away = Backend(Listener("192.0.2.1", 30000), Identity("http://box:30000/x", "1"), Status.READY)
    leases = MappingProxyType({away.identity.directory: "box"})
    assert not server().answers(tables.observe(Table(), [away], leases))


def test_answers_behind_a_wrapper() -> None:
    """A descendant of our process that listens on our port is our server."""
    made = server()
    made.pid = os.getppid()
    assert made.answers(table(Listener("127.0.0.1", 30000, inode=1, pid=os.getpid())))
    assert not made.answers(table(Listener("127.0.0.1", 30001, inode=1, pid=os.getpid())))


def test_listens_but_does_not_answer() -> None:
    """A socket is not enough; any answer is, a refusal too."""
    assert not server().answers(table(OURS, Status.STARTING))
    assert server().answers(table(OURS, Status.LOCKED))
    assert not server().answers(Table())


@pytest.mark.parametrize(
    ("listener", "rival"),
    [
        (Listener("127.0.0.1", 4096, inode=2, pid=99, kind=Kind.SERVE), True),
        (Listener("127.0.0.1", 4096, inode=2, pid=99, kind=Kind.WEB), True),
        (Listener("127.0.0.1", 30000, inode=2, pid=99, kind=Kind.SERVE), True),
        (Listener("127.0.0.1", 4096), True),
        (Listener("127.0.0.1", 4096, inode=2, pid=99, kind=Kind.ACP), False),
        (Listener("127.0.0.1", 4096, inode=2, pid=99, kind=Kind.TUI), False),
        (OURS, False),  # our last one, still listed
        (Listener("127.0.0.1", 30000), False),
    ],
)
def test_rival(listener: Listener, *, rival: bool) -> None:
    """Another lasting server counts; an editor's does not, nor does our own last one."""
    made = server(machine.Waiting())
    assert made.rival(table(listener)) == (listener if rival else None)
    assert bool(made.taken(table(listener))) is rival
    assert made.rival(Table()) is None


@pytest.mark.parametrize(
    ("listener", "command", "rival"),
    [
        (Listener("127.0.0.1", 4096, inode=2, pid=99), ("opencode",), False),
        (Listener("127.0.0.1", 4096, inode=2), ("opencode",), False),  # another user's
        (Listener("127.0.0.1", 4096, inode=2, pid=os.getpid()), (), False),
        (Listener("127.0.0.1", 4096, inode=2, pid=os.getpid()), ("no-such",), False),
        (Listener("127.0.0.1", 4096, inode=2, pid=os.getpid()), _OWN[:1], True),
        (Listener("127.0.0.1", 4096, inode=2, pid=os.getpid()), _OWN[1:2], True),
    ],
)
def test_claimed(listener: Listener, command: tuple[str, ...], *, rival: bool) -> None:
    """Who is not OpenCode, and not what is started here in its place, can claim what they like."""
    made = server(machine.Waiting())
    made.command = command
    assert (made.rival(table(listener)) is not None) is rival


def test_last_one_behind_a_wrapper() -> None:
    """The socket that answered for us is ours, whoever held it."""
    made = server()
    made.pid, own = os.getppid(), Listener("127.0.0.1", 30000, inode=1, pid=os.getpid())
    assert made.answers(table(own))
    made.pid = None
    assert made.rival(table(own)) is None


@pytest.mark.parametrize(
    ("state", "status", "runs"),
    [
        (machine.Stopped(), Status.STOPPED, False),
        (machine.Waiting(), Status.STARTING, False),
        (machine.Starting(60), Status.STARTING, True),
        (machine.Ready(0), Status.READY, True),
        (machine.BackingOff(1, 1), Status.FAILED, False),
        (machine.Stopping(Phase.TERM, 3, Then.STAY), Status.STOPPED, True),
        (machine.Stopping(Phase.TERM, 3, Then.START), Status.STARTING, True),
        (machine.Stopping(Phase.SWEEP, 3, Then.RETRY), Status.FAILED, True),
    ],
)
async def test_managed(state: machine.State, status: Status, *, runs: bool) -> None:
    """Others see status, and process and port as long as there is a process."""
    made = server()
    made.enter(state)
    pid, port = (10, 30000) if runs else (None, None)
    assert made.managed == Managed(HOME, status, pid, port)


async def test_begin() -> None:
    """A try after a failure is a restart; what was known of the last process is forgotten."""
    made = Server(HOME)
    for failures, restarts in ((0, 0), (1, 1), (2, 2)):
        made.enter(machine.Starting(60, failures))
        made.begin("x-2", 30005).shut()
        assert (made.restarts, made.name, made.pid, made.port) == (restarts, "x-2", None, 30005)
    made.enter(machine.Stopped())
    assert (made.name, made.port, made.pipe) == ("", 30005, None)
