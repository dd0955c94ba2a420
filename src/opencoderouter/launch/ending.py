"""Stopping servers without a router, whoever started them: ``ocr-router stop`` (Linux).

Only processes that were seen below the server, or that carry its mark, are ever signalled, and
only as the very process that was seen: a pid may change hands. A process group is left alone: what
a person started by hand may share it with a script or an editor.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from opencoderouter.core.model import FLEETING, Kind
from opencoderouter.kernel.sockets import Listeners
from opencoderouter.launch import tree
from opencoderouter.launch.running import Running, running
from opencoderouter.opencode.client import Client

_GRACE = 3.0  # seconds between SIGTERM and SIGKILL
_PAUSE = 0.01

Seen = tuple[int, int]  # pid and start time


@dataclass(frozen=True, slots=True)
class Stopped:
    """The server is gone, and with it ``tools`` that it left behind."""

    directory: str
    pid: int
    tools: int


@dataclass(frozen=True, slots=True)
class StillRunning:
    """Not even SIGKILL has ended it yet."""

    directory: str
    pid: int


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """``acp`` or a terminal UI: it ends with its editor or terminal, and only so."""

    directory: str
    pid: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class NotServed:
    """No OpenCode server of this user works in the directory."""

    directory: str


StopOutcome = Stopped | StillRunning | LeftAlone | NotServed


async def stop(
    paths: Sequence[str] | None, listeners: Listeners | None, client: Client
) -> list[StopOutcome]:
    """Stop this user's servers (``serve``, ``web``) in these directories, or all of them for None.

    First their sessions' work ends (``POST /global/dispose``), then they do, then what is left of
    their tools. ``acp`` and terminal UIs are never stopped; those in a named directory are told.
    """
    everything = running(listeners)
    marks = _marks(everything)
    directories = set(map(os.path.realpath, paths or ()))
    if paths is None:
        found = [server for server in everything if server.kind not in FLEETING]
    else:
        found = [server for server in everything if server.process.cwd in directories]
    missing = directories - {server.process.cwd for server in found}
    async with asyncio.TaskGroup() as tasks:
        stopping = [
            tasks.create_task(_stop(s, marks[s.process.pid], client), name=f"stop {s.process.pid}")
            for s in found
        ]
    return [*(task.result() for task in stopping), *(NotServed(d) for d in sorted(missing))]


async def _stop(server: Running, mark: str | None, client: Client) -> StopOutcome:
    pid, directory = server.process.pid, server.process.cwd or ""
    if server.kind in FLEETING:
        return LeftAlone(directory, pid, server.kind)
    tools = belonging(pid, mark)
    if server.listener is not None:
        await client.dispose(server.listener)
        tools |= belonging(pid, mark)
    if not await end(pid, server.process.started, grace=_GRACE):
        return StillRunning(directory, pid)
    return Stopped(directory, pid, await kill(tools | belonging(pid, mark)))


def _marks(servers: list[Running]) -> dict[int, str | None]:
    """Return the mark of each server by pid; None where it has none of its own.

    A server that was started in another one's terminal has inherited that one's.
    """
    marks = {server.process.pid: tree.mark_of(server.process.pid) for server in servers}
    count = Counter(marks.values())
    return {pid: mark if count[mark] == 1 else None for pid, mark in marks.items()}


def belonging(pid: int, mark: str | None) -> frozenset[Seen]:
    """Return the descendants of a server, and whoever carries its mark, if it has one.

    This process and those above it are none of them: it may run in a server's own terminal.
    """
    now = tree.read_tree()
    found = tree.below(now, [pid])
    if mark is not None:
        found |= {other for other in now if tree.mark_of(other) == mark}
    return frozenset((p, now[p].started) for p in found - {pid} - _lineage(now))


async def end(pid: int, started: int, *, grace: float) -> bool:
    """Send SIGTERM, and after ``grace`` seconds SIGKILL. True when the process is gone."""
    with _opened(pid, started) as process:
        if process is None:
            return True
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, number)
            if await _gone(process, grace):
                return True
        return False


async def kill(seen: AbstractSet[Seen]) -> int:
    """Kill these processes and all below them until none is left; return how many there were."""
    killed, quiet = set[Seen](), 0
    while quiet < tree.LOOKS:
        now = tree.read_tree()
        roots = {p for p, started in seen | killed if p in now and now[p].started == started}
        found = {p for p in roots | tree.below(now, roots) if not now[p].zombie}
        killed |= {(p, now[p].started) for p in found}
        quiet = 0 if tree.kill(found) else quiet + 1
        await asyncio.sleep(_PAUSE)
    return len(killed)


def _lineage(now: tree.Tree) -> set[int]:
    pid, found = os.getpid(), set[int]()
    while pid in now:
        found.add(pid)
        pid = now[pid].parent
    return found


@contextmanager
def _opened(pid: int, started: int) -> Iterator[int | None]:
    """Yield a descriptor of exactly this process, or None when it is gone."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        stat = tree.read_tree().get(pid)
        yield process if stat is not None and stat.started == started else None
    finally:
        os.close(process)


async def _gone(process: int, seconds: float) -> bool:
    """Wait for the end of a process; a descriptor of one is readable from then on."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process, ended.set)
    try:
        async with asyncio.timeout(seconds):
            return await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(process)
