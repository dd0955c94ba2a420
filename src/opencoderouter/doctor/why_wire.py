"""Looks at hops: names, connections, TLS and HTTP, in bounded time."""

from __future__ import annotations

import errno
import json
import os
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse

from opencoderouter.core.grant import is_loopback
from opencoderouter.core.printable import printable
from opencoderouter.doctor.hop import Connected, NotConnected, Said, Secured, Silent
from opencoderouter.doctor.lookup import Looked, Question, look_up
from opencoderouter.doctor.target import Target
from opencoderouter.kernel.peers import peers

_ALL = 9.0  # seconds that all hops together may take
_NAME = 5.5  # mDNS says no after 5
_CONNECT, _ANSWER = 1.0, 2.0
_MOST = 1 << 20  # octets of an answer
_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN}


@dataclass(frozen=True, slots=True)
class Own:
    """The router of this machine: its port, what it may be shown, and its certificate.

    ``secret`` reads the token or password of the user, None where there is none; ``trusting`` makes
    a context that trusts the certificate, where there is one.
    """

    port: int
    secret: Callable[[], str | None] = lambda: None
    trusting: Callable[[], ssl.SSLContext] | None = None


class Network:
    """A ``Wire``. Nothing is asked again of a name: connections go to the address that is named."""

    def __init__(self, own: Own, *, within: float = _ALL) -> None:
        self._own = own
        self._end = time.monotonic() + within
        self._context: ssl.SSLContext | None = None

    def look_up(self, host: str) -> Looked:
        """Look a name up, as programs of this machine do."""
        return look_up(Question(host), self._left(_NAME))

    def connect(self, addresses: Sequence[str], port: int) -> Connected | list[NotConnected]:
        """Connect to the first of these addresses that takes it; says why each other did not."""
        failed: list[NotConnected] = []
        for address in addresses:
            began = time.monotonic()
            try:
                self._connected(address, port).close()
            except OSError as error:
                failed.append(_not_connected(address, error))
            else:
                return Connected(address, time.monotonic() - began, tuple(failed))
        return failed

    def secure(self, address: str, target: Target) -> Secured | Silent:
        """Make a TLS handshake; the own router's certificate is trusted whatever others say."""
        began = time.monotonic()
        context = ssl.create_default_context()
        doubt = ""
        try:
            try:
                version = self._handshake(address, target, context)
            except ssl.SSLCertVerificationError as error:
                if self._own.trusting is None or target.port != self._own.port:
                    raise
                doubt, context = error.verify_message, self._own.trusting()
                version = self._handshake(address, target, context, ours=True)
        except OSError as error:  # of which SSLError is one
            untrusted = isinstance(error, ssl.SSLCertVerificationError)
            return Silent(_words(error), untrusted=untrusted)
        self._context = context
        return Secured(version, time.monotonic() - began, printable(doubt))

    def ask(
        self, address: str, target: Target, path: str, *, host: str, show: bool = False
    ) -> Said | Silent | None:
        """Ask for ``path`` as ``host``, and follow nothing; see ``hop.Wire`` for ``show``."""
        began = time.monotonic()
        fields = {"Host": host, "Accept": "application/json", "Connection": "close"}
        try:
            with self._connected(address, target.port) as raw:
                if show:
                    secret = self._secret(raw, target)
                    if secret is None:
                        return None
                    fields["Authorization"] = f"Bearer {secret}"
                connection = HTTPConnection(address.partition("%")[0], target.port)
                connection.sock = self._wrapped(raw, target)
                connection.request("GET", path, headers=fields)
                with connection.getresponse() as answer:
                    return _said(answer, time.monotonic() - began)
        except (OSError, HTTPException, ValueError) as error:
            return Silent(_words(error))

    def _secret(self, connection: socket.socket, target: Target) -> str | None:
        """Return what the router at the other end may be shown: nothing, unless it is our own."""
        if target.port != self._own.port or not _is_ours(connection):
            return None
        return self._own.secret()

    def _wrapped(self, raw: socket.socket, target: Target) -> socket.socket:
        raw.settimeout(self._left(_ANSWER))
        if self._context is None:
            return raw
        return self._context.wrap_socket(raw, server_hostname=target.host)

    def _handshake(
        self, address: str, target: Target, context: ssl.SSLContext, *, ours: bool = False
    ) -> str:
        with self._connected(address, target.port) as raw:
            if ours and not _is_ours(raw):
                raise OSError(errno.EPERM, "another user listens there")
            raw.settimeout(self._left(_ANSWER))
            with context.wrap_socket(raw, server_hostname=target.host) as secured:
                return secured.version() or "TLS"

    def _connected(self, address: str, port: int) -> socket.socket:
        return socket.create_connection((address, port), timeout=self._left(_CONNECT))

    def _left(self, most: float) -> float:
        return max(min(most, self._end - time.monotonic()), 0.01)


def _is_ours(connection: socket.socket) -> bool:
    """Tell whether our own user listens at the other end, on this machine."""
    there, here = connection.getpeername(), connection.getsockname()
    if not (is_loopback(there[0]) or there[0] == here[0]):
        return False
    kernel = peers()
    if kernel is None:  # a system that does not tell: its users are believed on loopback
        return is_loopback(there[0])
    owner = kernel.listener(*there[:2])
    return owner is not None and owner.uid == os.getuid()


def _not_connected(address: str, error: OSError) -> NotConnected:
    if isinstance(error, ConnectionRefusedError):
        return NotConnected(address, "refused", "nothing listens there (connection refused)")
    if isinstance(error, TimeoutError):
        return NotConnected(address, "timeout", "no answer in time")
    kind = "unreachable" if error.errno in _UNREACHABLE else "other"
    return NotConnected(address, kind, _words(error))


def _said(answer: HTTPResponse, seconds: float) -> Said:
    server = printable(answer.getheader("Server") or "")
    try:
        body: object = json.loads(answer.read(_MOST))
    except ValueError:
        body = None
    return Said(answer.status, body, server, seconds)


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return printable(error.verify_message)
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return printable(reason or type(error).__name__)
