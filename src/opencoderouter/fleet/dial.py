"""Byte streams to the port of an SSH server: by TCP, or by the ProxyCommand of a host."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from typing import Protocol

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.fleet.expansion import expanded_command

_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
_TAIL = 2000  # octets of a ProxyCommand's errors that are kept
_PATIENCE = 0.5  # seconds that a ProxyCommand has to end
Address = tuple[socket.AddressFamily, tuple[object, ...]]


class ByteStream(Protocol):
    """What paramiko needs of a socket."""

    def send(self, data: bytes, /) -> int:
        """Write some of it. Raises OSError."""

    def recv(self, most: int, /) -> bytes:
        """Return what has come; nothing at the end. Raises TimeoutError."""

    def settimeout(self, seconds: float | None, /) -> None:
        """Have ``recv`` wait so long."""

    def close(self) -> None:
        """End it."""


class Names:
    """Asks the machine's resolver, which cannot be broken off: a thread of its own each.

    Who asks for a name that is being asked for gets the same answer, so that a resolver that hangs
    costs one thread a name. The threads do not keep the program from ending.
    """

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int, int], asyncio.Future[list[Address]]] = {}

    async def addresses(self, host: str, port: int, family: int) -> list[Address]:
        """Return the addresses of a host. Raises ``socket.gaierror``."""
        key = (host, port, family)
        if key not in self._asked:
            self._asked[key] = self._ask(key)
        return await asyncio.shield(self._asked[key])

    def _ask(self, key: tuple[str, int, int]) -> asyncio.Future[list[Address]]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Address]] = loop.create_future()

        def answered(found: list[Address] | OSError) -> None:
            del self._asked[key]
            if future.cancelled():
                return
            if isinstance(found, OSError):
                future.set_exception(found)
                future.exception()  # whoever asked may have gone
            else:
                future.set_result(found)

        def ask() -> None:
            found = _look_up(*key)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(answered, found)

        threading.Thread(target=ask, name=f"name {key[0]}", daemon=True).start()
        return future


def _look_up(host: str, port: int, family: int) -> list[Address] | OSError:
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    except OSError as error:
        return error
    except UnicodeError:
        return socket.gaierror(socket.EAI_NONAME, "no name of a host")
    return [(one[0], one[4]) for one in found]


def limit_of(resolved: Resolved, default: float) -> float:
    """Return the time limit (seconds) for each phase of a connection: ConnectTimeout."""
    own = resolved.first("connecttimeout")
    return float(own) if own.isdigit() and int(own) else default


async def dial(resolved: Resolved, names: Names, limit: float) -> socket.socket:
    """Return a connection to a host, at the first of its addresses that takes one.

    ``limit`` (seconds) is for all of them. Raises OSError; TimeoutError when it took too long.
    """
    family = _FAMILIES.get(resolved.first("addressfamily"), socket.AF_UNSPEC)
    async with asyncio.timeout(limit):
        addresses = await names.addresses(resolved.hostname, resolved.port, family)
    failure: OSError = OSError("no address")
    for left, (kind, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            async with asyncio.timeout(limit / left):
                return await _connect(kind, address)
        except OSError as error:  # a TimeoutError is one
            failure = error
    raise failure


async def _connect(family: int, address: Sequence[object]) -> socket.socket:
    loop = asyncio.get_running_loop()
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.settimeout(0)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await loop.sock_connect(one, tuple(address))
    except BaseException:
        one.close()
        raise
    return one


class ProxyCommand:
    """A program whose input and output are the connection; looks like a socket to paramiko.

    (paramiko's own does not see the program's end: it spins, and leaves a zombie.) The output is a
    socket, so that waiting for it can be ended; the input is a pipe: bash takes a socket there for
    a login over the network, and reads its startup files.
    """

    def __init__(self, resolved: Resolved) -> None:
        self._ours, theirs = socket.socketpair()
        shell = os.environ.get("SHELL") or "/bin/sh"
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - the user's own command
                [shell, "-c", f"exec {expanded_command(resolved)}"],
                stdin=subprocess.PIPE,
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        assert self._process.stdin is not None  # noqa: S101 - PIPE
        assert self._process.stderr is not None  # noqa: S101 - PIPE
        self._stdin, self._stderr = self._process.stdin, self._process.stderr
        blocking = False
        os.set_blocking(self._stderr.fileno(), blocking)
        self._said = b""
        self._lock = threading.Lock()
        self._closed = False

    @property
    def complaint(self) -> str:
        """Return what it has last said on its standard error."""
        self._listen()
        return self._said.decode(errors="replace")

    def send(self, data: bytes) -> int:
        """Write some of it. Raises OSError when the program has ended."""
        return self._stdin.write(data) or 0

    def recv(self, most: int) -> bytes:
        """Return what has come; nothing at the end. Raises TimeoutError."""
        self._listen()
        return self._ours.recv(most)

    def settimeout(self, seconds: float | None) -> None:
        """Have ``recv`` wait so long."""
        self._ours.settimeout(seconds)

    def close(self) -> None:
        """End the program and what it has started in its session. Takes up to half a second."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._listen()
            with contextlib.suppress(OSError):
                self._ours.shutdown(socket.SHUT_RDWR)
            self._end(signal.SIGTERM)
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._end(signal.SIGKILL)
                self._process.wait()
            for one in (self._ours, self._stdin, self._stderr):
                one.close()

    def _end(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while said := self._stderr.read(4096):
                self._said = (self._said + said)[-_TAIL:]
