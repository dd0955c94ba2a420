"""The OpenCode servers of this user, whoever started them: ``ocr-router ps``.

They are found in the process table: on a system without ``/proc`` there are none.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from opencoderouter.core.model import Kind, Listener, Sessions
from opencoderouter.kernel.credentials import authorization
from opencoderouter.kernel.processes import (
    Process,
    opencode_processes,
    process,
    resident_bytes,
    socket_owners,
)
from opencoderouter.kernel.sockets import Listeners
from opencoderouter.opencode.client import Client


@dataclass(frozen=True, slots=True)
class Running:
    """An OpenCode server. ``listener`` is None while it does not listen yet."""

    process: Process
    kind: Kind
    listener: Listener | None

    @property
    def port(self) -> int | None:
        """Return the port it listens on."""
        return self.listener.port if self.listener else None


def running(listeners: Listeners | None) -> list[Running]:
    """Return the servers, by pid. A terminal UI that does not listen is none."""
    own = opencode_processes(os.getuid())
    sockets = held(listeners, [server.pid for server in own]) if listeners else {}
    found = [
        Running(server, server.kind, _choose(server, sockets.get(server.pid, [])))
        for server in own
        if server.kind is not None
    ]
    return [server for server in found if server.listener or server.kind is not Kind.TUI]


@dataclass(frozen=True, slots=True)
class ServerRow:
    """A server as ``ocr-router ps`` lists it; ``memory`` is in bytes, None is not known."""

    pid: int
    port: int | None
    directory: str | None
    memory: int | None
    sessions: Sessions | None
    kind: Kind


async def servers(listeners: Listeners | None, client: Client) -> list[ServerRow]:
    """Return this user's servers, ``acp`` and listening terminal UIs included, by directory."""
    found = running(listeners)
    async with asyncio.TaskGroup() as tasks:
        rows = [tasks.create_task(_row(s, client), name=f"row {s.process.pid}") for s in found]
    return sorted((row.result() for row in rows), key=lambda row: (row.directory or "", row.pid))


async def _row(server: Running, client: Client) -> ServerRow:
    pid, directory = server.process.pid, server.process.cwd
    sessions = await _sessions(server, client)
    return ServerRow(pid, server.port, directory, resident_bytes(pid), sessions, server.kind)


def held(listeners: Listeners, pids: Sequence[int]) -> dict[int, list[Listener]]:
    """Return what these processes listen on, by pid, with the credentials that go there."""
    known = {x.inode: x for x in listeners() if x.inode is not None}
    found: dict[int, list[Listener]] = {}
    for inode, pid in socket_owners(list(known), pids).items():
        if owner := process(pid):
            found.setdefault(pid, []).append(_owned(known[inode], owner))
    return found


def _owned(listener: Listener, owner: Process) -> Listener:
    return replace(
        listener,
        pid=owner.pid,
        kind=owner.kind or Kind.OTHER,
        authorization=authorization(owner, listener.port),
    )


def _choose(server: Process, listeners: list[Listener]) -> Listener | None:
    """Return the server's own socket: a plugin may have opened others."""
    asked = (str(x.port) in server.argv or f"--port={x.port}" in server.argv for x in listeners)
    ranked = sorted(
        zip(asked, listeners, strict=True), key=lambda pair: (not pair[0], pair[1].port)
    )
    return ranked[0][1] if ranked else None


async def _sessions(server: Running, client: Client) -> Sessions | None:
    directory = server.process.cwd
    if server.listener is None or directory is None:
        return None
    return await client.sessions(server.listener, directory)
