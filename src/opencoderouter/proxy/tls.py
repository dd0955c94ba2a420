"""HTTPS: certificate and key, renewed while the router runs, and the handshakes that go on."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import stat
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from opencoderouter.core.grant import is_loopback
from opencoderouter.proxy.answers import problem
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.refusals import NOT_PLAIN
from opencoderouter.proxy.lane.shared import one
from opencoderouter.proxy.lane.wire import encoded

log = logging.getLogger(__name__)
Make = Callable[[], asyncio.BaseProtocol]

_AT_ONCE = 16  # connections accepted in one go
_MOST = 512  # handshakes at once in one process; then the oldest, which has stalled, is ended
_PAUSE = 1.0  # seconds until it is tried again to accept, when there are no files left
_LAST = 1.0  # seconds in which handshakes come to their end when nobody is accepted any more
# Seconds in which a client takes what is left for it and says goodbye.
_GOODBYE = 60.0


class TlsError(ValueError):
    """A certificate or key that cannot be used. The message is for the user: which file, why."""


class _Encrypted(Exception):  # noqa: N818 - it never leaves this module
    pass


def context(cert: Path, key: Path) -> ssl.SSLContext:
    """Return what HTTPS is served with: TLS 1.2 or newer, HTTP/1.1.

    Both are PEM files; behind the certificate its chain. When they change, whoever connects next
    gets the new ones, or still the old ones as long as the new ones cannot be used. Raises
    TlsError.
    """
    return _Renewal(cert, key).first


class _Renewal:
    """Looks at the files at each handshake: two system calls, and it takes a millisecond anyway.

    A new context each time: one that is half renewed (certificate and key are two files, and not
    written at once) could not be served with any more.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        self._cert, self._key = cert, key
        self._seen = self._stamps()
        self.first = self._newest = _load(cert, key)
        self.first.sni_callback = self._greeted  # also without a name in the greeting

    def _greeted(self, connection: ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        stamps = self._stamps()
        if stamps != self._seen:
            self._seen = stamps
            self._renew()
        if self._newest is not self.first:
            connection.context = self._newest

    def _renew(self) -> None:
        try:
            self._newest = _load(self._cert, self._key)
        except (TlsError, OSError) as error:  # this very moment a file may go
            log.warning("tls: not renewed reason=%s", error)
        else:
            log.info("tls: renewed cert=%s", self._cert)

    def _stamps(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(self._cert), _stamp(self._key)]


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _load(cert: Path, key: Path) -> ssl.SSLContext:
    result = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    result.minimum_version = ssl.TLSVersion.TLSv1_2
    result.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    result.set_alpn_protocols(["http/1.1"])
    _holds(cert, b"-----BEGIN CERTIFICATE-----", "certificate")
    _holds(key, b"PRIVATE KEY-----", "private key")
    try:
        result.load_cert_chain(cert, key, password=_refuse)
    except _Encrypted:
        raise TlsError(f"{key}: this key needs a password; nobody is asked for it") from None
    except ssl.SSLError as error:
        if error.reason in {"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH"}:
            raise TlsError(f"{key}: this is not the key of {cert}") from None
        raise TlsError(f"{cert}, {key}: cannot be used ({_reason(error)})") from None
    if key.stat().st_mode & stat.S_IROTH:  # no error: in a container it can be so, and safe
        log.warning("tls: every user of this machine can read the key file=%s", key)
    return result


def _refuse() -> str:
    raise _Encrypted


def _holds(file: Path, mark: bytes, what: str) -> None:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise TlsError(f"{file}: {error.strerror}") from None
    if mark not in data:
        raise TlsError(f"{file}: there is no {what} in it (PEM is what is needed)")


def _reason(error: ssl.SSLError) -> str:
    return error.reason.lower().replace("_", " ") if error.reason else "not well-formed"


@dataclass(frozen=True, slots=True)
class Tls:
    """How clients are let in by HTTPS. ``limits`` says how many may greet, and for how long.

    ``group`` runs the handshakes; it outlives whoever accepts.
    """

    context: ssl.SSLContext
    limits: Limits
    group: asyncio.TaskGroup


@asynccontextmanager
async def greeting(
    protocol: Make, sockets: Sequence[socket.socket], tls: Tls
) -> AsyncIterator[None]:
    """Accept connections, one ``protocol`` for each whose handshake succeeds.

    When the block ends these sockets are closed, and handshakes get a moment to succeed.
    """
    doorstep = _Doorstep(protocol, tls)
    for listening in sockets:
        listening.setblocking(False)  # noqa: FBT003 - the standard library's
        doorstep.open(listening)
    try:
        yield
    finally:
        await doorstep.close(sockets)


class _Doorstep:
    """The connections of one process whose handshake goes on. The lane knows nothing of them yet.

    So many of one address as may be unauthenticated; those of this machine can be anybody's, and
    have one limit with all others.
    """

    def __init__(self, protocol: Make, tls: Tls) -> None:
        self._protocol, self._tls = protocol, tls
        self._loop = asyncio.get_running_loop()
        self._tasks: dict[asyncio.Task[bool], bytes] = {}  # in the order of time
        self._addresses: Counter[bytes] = Counter()

    def open(self, listening: socket.socket) -> None:
        """Accept there, unless it has been closed."""
        if listening.fileno() >= 0:
            self._loop.add_reader(listening, self._accept, listening)

    async def close(self, sockets: Iterable[socket.socket]) -> None:
        """Accept nobody any more; let handshakes end, by force in the end."""
        for listening in sockets:
            self._loop.remove_reader(listening)
            listening.close()
        tasks = tuple(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                sock, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no files left
                log.warning("cannot accept reason=%s", error.strerror)
                self._loop.remove_reader(listening)
                self._loop.call_later(_PAUSE, self.open, listening)
                return
            self._greet(sock, address[0])

    def _greet(self, sock: socket.socket, address: str) -> None:
        who = b"" if is_loopback(address) else one(address)
        if who and self._addresses[who] >= self._tls.limits.unauthenticated:
            sock.close()
            return
        if len(self._tasks) >= _MOST:
            next(iter(self._tasks)).cancel()
        task = self._tls.group.create_task(self._shake_hands(sock), name="handshake")
        self._tasks[task] = who
        self._addresses[who] += 1
        task.add_done_callback(partial(self._ended, sock))

    def _ended(self, sock: socket.socket, task: asyncio.Task[bool]) -> None:
        if task.cancelled() or not task.result():
            sock.close()
        who = self._tasks.pop(task)
        self._addresses[who] -= 1
        if not self._addresses[who]:
            del self._addresses[who]

    async def _shake_hands(self, sock: socket.socket) -> bool:
        """Return whether the connection is served now."""
        sock.setblocking(False)  # noqa: FBT003 - the standard library's
        limits = self._tls.limits
        try:
            with sock.dup() as reply:
                try:
                    await self._loop.connect_accepted_socket(
                        self._protocol,
                        sock,
                        ssl=self._tls.context,
                        ssl_handshake_timeout=limits.header_timeout,
                        ssl_shutdown_timeout=_GOODBYE,
                    )
                except ssl.SSLError as error:
                    if error.reason == "HTTP_REQUEST":
                        reply.send(encoded(problem(NOT_PLAIN, page=False), None, last=True))
                    return False
        except OSError:  # gone, or silent for too long
            return False
        return True
