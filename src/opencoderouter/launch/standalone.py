"""Starting servers without a router, to outlive the command: ``ocr-router start``.

Nothing is printed here: what became of each is a value.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from opencoderouter import private
from opencoderouter.core.model import FLEETING, Listener
from opencoderouter.core.slug import slugify
from opencoderouter.kernel.commands import serving
from opencoderouter.kernel.marks import environment
from opencoderouter.kernel.processes import descendants
from opencoderouter.kernel.sockets import Listeners
from opencoderouter.launch import ending, reasons
from opencoderouter.launch.directory import real_directory
from opencoderouter.launch.output import last_lines
from opencoderouter.launch.password import new_password
from opencoderouter.launch.ports import LOOPBACK, free_port, listening
from opencoderouter.launch.running import held, running
from opencoderouter.opencode.answer import Foreign, Silent
from opencoderouter.opencode.client import Client

_PAUSE = 0.1
_NAME = 64  # characters of a log's name that tell the project
_TAIL = 1 << 18  # bytes, the last of which are worth showing
_TRIES = 3  # somebody may take the port while OpenCode loads


@dataclass(frozen=True, slots=True)
class Started:
    """The server answers. What it prints goes to ``log``."""

    directory: str
    pid: int
    port: int
    log: Path


@dataclass(frozen=True, slots=True)
class AlreadyServed:
    """A server has the directory; it may be so new that it has no ``port`` yet."""

    directory: str
    pid: int
    port: int | None


@dataclass(frozen=True, slots=True)
class NotADirectory:
    """The path names no directory."""

    path: str


@dataclass(frozen=True, slots=True)
class NoFreePort:
    """Somebody listens on every port of the range."""

    directory: str
    ports: range


@dataclass(frozen=True, slots=True)
class Failed:
    """No server runs, and why; ``lines`` are the last it printed."""

    directory: str
    reason: str
    lines: tuple[str, ...] = ()


StartOutcome = Started | AlreadyServed | NotADirectory | NoFreePort | Failed


@dataclass(frozen=True, slots=True)
class Launch:
    """How servers are started: ``ocr-router``'s settings.

    ``logs`` is a directory for what they print; ``patience`` in seconds is how long one may take.
    """

    command: Sequence[str]
    ports: range
    logs: Path
    patience: float = 60.0


@dataclass(frozen=True, slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    port: int
    log: Path


async def start(
    paths: Iterable[str], launch: Launch, listeners: Listeners | None, client: Client
) -> AsyncIterator[StartOutcome]:
    """Start a server in each directory, one after the other, and yield what became of it.

    The servers outlive this process, and each has a password of its own (where the kernel lists
    ``listeners``). A directory that already has one keeps that.
    """
    for path in dict.fromkeys(real_directory(path) or path for path in paths):
        yield await _start(path, launch, listeners, client)


async def _start(
    path: str, launch: Launch, listeners: Listeners | None, client: Client
) -> StartOutcome:
    if real_directory(path) is None:
        return NotADirectory(path)
    for server in running(listeners):
        if server.process.cwd == path and server.kind not in FLEETING:
            return AlreadyServed(path, server.process.pid, server.port)
    outcome: StartOutcome = NoFreePort(path, launch.ports)
    for _ in range(_TRIES):
        port = free_port(launch.ports, listeners=listeners, taken=())
        if port is None:
            return NoFreePort(path, launch.ports)
        outcome = await _try(path, port, launch, listeners, client)
        if isinstance(outcome, Started) or port not in listening(listeners):
            break
    return outcome


async def _try(
    path: str, port: int, launch: Launch, listeners: Listeners | None, client: Client
) -> Started | Failed:
    try:
        child = _spawn(path, port, launch, new_password(listeners))
    except private.Refused as error:
        return Failed(path, str(error))
    except OSError as error:
        return Failed(path, reasons.not_started(error.errno or 0, error.filename, path))
    if await _answers(child, listeners, client, launch.patience):
        child.process.returncode = 0  # nobody will wait for it, and Popen need not complain
        return Started(path, child.process.pid, port, child.log)
    code = child.process.poll()
    if code is None:
        tools = ending.belonging(child.process.pid, None)
        child.process.kill()
        child.process.wait()
        await ending.kill(tools)
    lines = last_lines(_tail(child.log))
    reason = reasons.too_slow(launch.patience) if code is None else reasons.ended(code, lines)
    return Failed(path, reason, lines)


def _spawn(path: str, port: int, launch: Launch, password: str | None) -> _Child:
    """Start a server. Raises OSError."""
    digest = sha256(os.fsencode(path)).hexdigest()[:8]
    log = launch.logs / f"{slugify(path)[:_NAME]}-{digest}.log"
    private.directory(launch.logs.parent)
    output = private.anew(log)
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is the user's own
            [*launch.command, *serving(port)],
            cwd=path,
            env=environment(os.environ, secrets.token_hex(8), password),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    finally:
        os.close(output)
    return _Child(process, port, log)


async def _answers(
    child: _Child, listeners: Listeners | None, client: Client, patience: float
) -> bool:
    """Wait until the server answers. False when it ended, or took too long."""
    try:
        async with asyncio.timeout(patience):
            while child.process.poll() is None:
                listener = _listener(child, listeners)
                if listener and not isinstance(await client.identify(listener), Foreign | Silent):
                    return True
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        pass
    return False


def _listener(child: _Child, listeners: Listeners | None) -> Listener | None:
    """Return this child's socket; None while it has none, or a faster one of somebody else has."""
    if listeners is None:  # the kernel cannot be asked
        return Listener(LOOPBACK, child.port)
    pid = child.process.pid
    found = held(listeners, [pid, *descendants(pid)])
    own = (x for sockets in found.values() for x in sockets if x.port == child.port)
    return next(own, None)


def _tail(log: Path) -> bytes:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        return file.read()
