"""What paramiko is told before it speaks: algorithms, time limits, which host keys are known."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable, Iterable
from typing import cast

from paramiko import Channel, Message, PKey, RejectPolicy, SSHClient, Transport
from paramiko.common import MSG_CHANNEL_OPEN_FAILURE, MSG_CHANNEL_REQUEST
from paramiko.ssh_exception import SSHException

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.core.printable import printable
from opencoderouter.fleet.dial import ByteStream
from opencoderouter.fleet.known_hosts import Known, Verdict

_log = logging.getLogger(__name__)
_IDLE = 15.0  # seconds between two looks of a connection's thread at what else there is to do
NO_STATUS = -1000  # the exit status of a command that has told none
_REFUSALS = 8  # codes; RFC 4254 section 5.1 knows four. A host can send what it likes
_LONGEST = 200  # characters of what it says


class Lacking(Exception):  # noqa: N818 - an expected end, not a broken promise
    """Paramiko has nothing of what the configuration allows, or the host offers."""


class KeyRefused(SSHException):
    """The host has shown a key that is not known to be its own."""

    def __init__(self, key: PKey, verdict: Verdict) -> None:
        super().__init__(verdict.name)
        self.kind = key.get_name()
        self.fingerprint = key.fingerprint
        self.verdict = verdict


class Pinned(RejectPolicy):
    """Takes the known keys and no others. paramiko has it judge every key: it has none itself."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def missing_host_key(  # type: ignore[override] # that one never returns
        self, client: SSHClient, hostname: str, key: PKey
    ) -> None:
        """Raise ``KeyRefused`` unless it is a known key."""
        del client, hostname
        verdict = self._known.verdict(key.get_name(), key.get_base64())
        if verdict is not Verdict.KNOWN:
            raise KeyRefused(key, verdict)


class Wire(Transport):
    """paramiko's transport, which also hears of the signal that has ended a command.

    ``refusals`` has by its code what the host said of a channel that it did not open, newest last;
    of the last few codes, and not all of a long text.
    """

    def __init__(self, sock: socket.socket, **options: object) -> None:
        super().__init__(sock, **options)  # type: ignore[arg-type]
        self.refusals: dict[int, str] = {}
        self._handler_table[MSG_CHANNEL_OPEN_FAILURE] = self._refused  # type: ignore[attr-defined]

    def _refused(self, message: Message) -> None:
        """Note what the host says of a channel that it does not open: paramiko does not."""
        start = message.packet.tell()
        message.get_int()
        code = message.get_int()
        self.refusals.pop(code, None)
        self.refusals[code] = message.get_text()[:_LONGEST]
        if len(self.refusals) > _REFUSALS:
            del self.refusals[next(iter(self.refusals))]
        message.packet.seek(start)
        self._parse_channel_open_failure(message)  # type: ignore[attr-defined]

    def settle(self, keepalive: float) -> None:
        """Look around less often: what ends the connection wakes its thread anyway."""
        self.sock.settimeout(min(keepalive or _IDLE, _IDLE))
        self.set_keepalive(int(keepalive))


def _channel_request(channel: Channel, message: Message) -> None:
    start = message.packet.tell()
    if message.get_text() == "exit-signal":
        message.get_boolean()
        name = f"SIG{message.get_text()}"
        known = name in signal.Signals.__members__
        channel.exit_status = -signal.Signals[name] if known else NO_STATUS
        channel.status_event.set()
    message.packet.seek(start)
    channel._handle_request(message)  # type: ignore[attr-defined]  # noqa: SLF001 - see Wire


# paramiko reads only "exit-status" (RFC 4254 section 6.10); this table is how it finds its readers
Wire._channel_handler_table = {  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way
    **Transport._channel_handler_table,  # type: ignore[attr-defined]  # noqa: SLF001 - see above
    MSG_CHANNEL_REQUEST: _channel_request,
}


def environment(resolved: Resolved) -> dict[str, str]:
    """Return the variables that commands get (SetEnv of ssh_config(5))."""
    pairs = (one.partition("=") for one in resolved.options.get("setenv", ()))
    return {name: value for name, _, value in pairs}


def wires(resolved: Resolved, known: Known, limit: float) -> Callable[..., Wire]:
    """Return the maker of transports to a host. It raises ``Lacking``."""

    def make(sock: ByteStream, **_: object) -> Wire:
        wanted = resolved.first("pubkeyacceptedalgorithms").split(",")
        unwanted = [one for one in Transport._preferred_pubkeys if one not in wanted]  # type: ignore[attr-defined]  # noqa: SLF001 - nothing public tells
        wire = Wire(
            cast("socket.socket", sock),
            disabled_algorithms={"pubkeys": unwanted if wanted != [""] else []},
        )
        wire.handshake_timeout = limit
        options = wire.get_security_options()
        options.ciphers = _common(resolved, "ciphers", options.ciphers)
        options.digests = _common(resolved, "macs", options.digests)
        options.kex = _common(resolved, "kexalgorithms", options.kex)
        types = _common(resolved, "hostkeyalgorithms", options.key_types)
        options.key_types = _known_first(types, known)
        return wire

    return make


def _common(resolved: Resolved, keyword: str, able: Iterable[str]) -> tuple[str, ...]:
    """Return what both the configuration and paramiko have, in the order of the configuration."""
    able = tuple(able)
    allowed = resolved.first(keyword)
    common = tuple(one for one in allowed.split(",") if one in able) if allowed else able
    if not common:
        message = f"Fabric has none of the {keyword} that are configured"
        raise Lacking(message)
    return common


def _known_first(types: tuple[str, ...], known: Known) -> tuple[str, ...]:
    """Return key types so that the host shows a key that is known, if it has one: as ssh does."""

    def is_other(kind: str) -> bool:
        return ("ssh-rsa" if kind.startswith("rsa-") else kind) not in known.types

    return tuple(sorted(types, key=is_other))


class _Forward(logging.Handler):
    """Writes what paramiko says to our log, as details; paramiko calls every refusal an error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line of paramiko's."""
        _log.debug("paramiko says=%s", printable(record.getMessage()))


def quiet() -> None:
    """Keep paramiko's log off the terminal."""
    logger = logging.getLogger("paramiko")
    if not any(isinstance(one, _Forward) for one in logger.handlers):
        logger.addHandler(_Forward())
        logger.propagate = False
    logger.setLevel(logging.INFO if _log.isEnabledFor(logging.DEBUG) else logging.CRITICAL + 1)
