"""Making one connection: from an open byte stream to a host that has let us in."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from fabric import Config, Connection
from paramiko import SSHConfig
from paramiko.ssh_exception import AuthenticationException, IncompatiblePeer, SSHException

from opencoderouter.core.fleet.model import Resolved, Unreached
from opencoderouter.fleet import verdict
from opencoderouter.fleet.dial import ByteStream, ProxyCommand
from opencoderouter.fleet.known_hosts import Known, Verdict
from opencoderouter.fleet.transport.identities import Late, Login, Refused
from opencoderouter.fleet.transport.wire import KeyRefused, Lacking, Pinned, Wire, wires
from opencoderouter.fleet.verdict import Mends, Unable


def _config() -> Config:
    """Return nothing of Fabric's own files, nothing of ssh's as paramiko would read it.

    A connection writes to its configuration, which is empty for a moment then: each has its own.
    """
    return Config(
        overrides={"load_ssh_configs": False, "forward_agent": False},
        ssh_config=SSHConfig(),
        lazy=True,
    )


class Opening:
    """One attempt; ``run`` blocks, ``abort`` makes it end, from another thread.

    ``sock`` is an open stream to the host, which it takes over. ``limit`` (seconds) is for each
    phase: version exchange, key exchange, login; ``phase`` says which one it is in. ``known`` is
    called by ``run``, and may read files.
    """

    def __init__(
        self,
        resolved: Resolved,
        known: Callable[[], Known],
        sock: ByteStream,
        limit: float,
        mends: Mends,
    ) -> None:
        self._resolved, self._mends = resolved, mends
        self._sock, self._limit = sock, limit
        self._login = Login(resolved, limit)
        self._lock = threading.Lock()
        self._over = False
        self._known = known
        self._connection: Connection | None = None

    @property
    def phase(self) -> str:
        """Return what it waits for."""
        wire = self._wire
        if wire is None or not wire.remote_version:
            return "in the version exchange"
        return "at the login" if wire.initial_kex_done else "in the key exchange"

    @property
    def _wire(self) -> Wire | None:
        connection = self._connection
        transport = None if connection is None else connection.client.get_transport()
        return transport if isinstance(transport, Wire) else None

    def _prepared(self, known: Known) -> Connection:
        arguments = {
            "sock": self._sock,
            "auth_strategy": self._login,
            "transport_factory": wires(self._resolved, known, self._limit),
            "banner_timeout": self._limit,
            "auth_timeout": self._limit,
            "channel_timeout": self._limit,
            "compress": self._resolved.first("compression") == "yes",
        }
        connection = Connection(
            self._resolved.hostname,
            user=self._resolved.user,
            port=self._resolved.port,
            config=_config(),
            gateway=False,
            forward_agent=False,
            connect_kwargs=arguments,
        )
        connection.client.set_missing_host_key_policy(Pinned(known))
        return connection

    def run(self) -> Connection | Unreached | Unable:
        """Return the connection, or why there is none."""
        known = self._known()
        if known.needs_ssh:
            self._end()
            return Unable(known.needs_ssh)
        connection = self._connection = self._prepared(known)
        try:
            connection.open()
        except (SSHException, OSError, EOFError, Lacking) as error:
            phase = self.phase
            result = self._explain(error, phase)
            self._end()
            return result
        with self._lock:
            wire = self._wire
            if not self._over and wire is not None:
                interval = self._resolved.first("serveraliveinterval", "0")
                wire.settle(float(interval) if interval.isdigit() else 0.0)
                return connection
        self._end()
        return verdict.broken("the connection was lost")

    def abort(self) -> None:
        """Close everything at once; ``run`` returns soon after."""
        with self._lock:
            self._over = True
        self._login.break_off()
        self._end()

    def _end(self) -> None:
        close(self._connection, self._sock)

    def _explain(self, error: Exception, phase: str) -> Unreached | Unable:
        if isinstance(error, KeyRefused):
            shown = (error.kind, error.fingerprint)
            if error.verdict is Verdict.CHANGED:
                return verdict.key_changed(*shown, self._mends.changed)
            return verdict.key_unknown(*shown, self._mends.unknown)
        if isinstance(error, Refused):
            return self._denied(error)
        if isinstance(error, IncompatiblePeer | Lacking):
            return Unable(f"paramiko cannot agree with the host: {error}")
        wire = self._wire
        slow = wire is not None and wire.packetizer.handshake_timed_out()
        if slow or isinstance(error, Late) or isinstance(error.__context__, TimeoutError):
            return verdict.late(phase, self._limit)
        return self._lost(error, phase)

    def _denied(self, error: Refused) -> Unreached | Unable:
        if error.foreign and not error.locked:
            return Unable(f"paramiko cannot use the key {error.foreign[0]}")
        return verdict.login(error.methods, locked=error.locked, mend=self._mends.login)

    def _lost(self, error: Exception, phase: str) -> Unreached:
        if isinstance(self._sock, ProxyCommand) and (said := self._sock.complaint.strip()):
            return verdict.of_proxy_command(said)
        if isinstance(error, AuthenticationException) or phase == "at the login":
            return verdict.cut_off(self._mends.login)
        if isinstance(error, OSError):
            return verdict.of_socket(error, self._resolved.hostname)
        return verdict.hung_up(phase)


def close(connection: Connection | None, sock: ByteStream) -> None:
    """End a connection, open or not yet: its thread, its timer, its socket."""
    wire = None if connection is None else connection.client.get_transport()
    if wire is not None:
        wire.packetizer.complete_handshake()  # which ends a timer, and its thread
    if isinstance(sock, socket.socket):
        with contextlib.suppress(OSError):  # wakes the thread that reads it
            sock.shutdown(socket.SHUT_RDWR)
    if wire is not None:
        wire.close()
    with contextlib.suppress(OSError, EOFError, SSHException):
        sock.close()
