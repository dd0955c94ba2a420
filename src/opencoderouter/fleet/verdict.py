"""What it means that a host was not reached: errors of sockets, of logins and of ``ssh``."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from opencoderouter.core.fleet.model import HostState, Resolved, Unreached
from opencoderouter.core.fleet.transport import NotForwarded

_ERRORS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.ECONNABORTED: "connection reset",
    errno.EPIPE: "connection reset",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network is unreachable",
    errno.ETIMEDOUT: "connection timed out",
}
# What ssh prints (LC_ALL=C) where there is no connection, and what it means.
_UNREACHABLE = (
    (r"Connection refused", "connection refused"),
    (r"No route to host", "no route to host"),
    (r"Network is unreachable", "network is unreachable"),
    (r"Could not resolve hostname (\S+?):", "the name {0} is not known"),
    (r"timed out during banner exchange", "timed out in the version exchange"),
    (r"(?:Connection|Operation) timed out|Connection to \S+ port \d+ timed out", "timed out"),
    (
        r"Connection reset by|Connection closed by|closed by remote host",
        "the connection was closed",
    ),
)
# What ssh itself says when its way to the host has ended: no reason, that comes from the way.
_PROXIED = re.compile(
    r"^.*(?:UNKNOWN port 65535|kex_exchange_identification|try again\.).*$", re.MULTILINE
)
_DENIED = re.compile(r"Permission denied \(([^()\n]{0,200})\)")
_FORWARD = re.compile(r"open failed: ([a-z ]+): ?(.*)")
# Hosts write most of it: no pattern sees more, and each takes a time that grows as its text does.
_MOST = 16_384  # characters from the end, where ssh has its say
_LINE = 500
_KEY_REFUSED = re.compile(r"Host key verification failed|No \S+ host key is known for")


@dataclass(frozen=True, slots=True)
class Unable:
    """A host that Fabric cannot reach, for a reason that OpenSSH does not have."""

    reason: str


@dataclass(frozen=True, slots=True)
class Mends:
    """What a person can run when a host key is unknown, has changed, or a host wants a person."""

    unknown: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    login: tuple[str, ...] = ()


def late(phase: str, seconds: float) -> Unreached:
    """Return the verdict on a host that took too long to let us in."""
    return Unreached(HostState.UNREACHABLE, f"timed out after {_round(seconds)} s {phase}")


def _round(seconds: float) -> str:
    return f"{seconds:.1f}".removesuffix(".0")


def too_slow(seconds: float) -> Unreached:
    """Return the verdict on a command that took too long."""
    return Unreached(HostState.ERROR, f"the command took longer than {_round(seconds)} s")


def too_much(most: int) -> Unreached:
    """Return the verdict on a command that says more than is read."""
    return Unreached(HostState.ERROR, f"too much output: more than {most >> 20} MiB")


def broken(reason: str) -> Unreached:
    """Return the verdict on a host that was there, and failed us."""
    return Unreached(HostState.ERROR, reason)


def of_socket(error: OSError, host: str) -> Unreached:
    """Return the verdict on an address that cannot be connected to."""
    if isinstance(error, socket.gaierror):
        return Unreached(HostState.UNREACHABLE, f"the name {host} is not known: {error.strerror}")
    reason = _ERRORS.get(error.errno or 0) or error.strerror or str(error)
    return Unreached(HostState.UNREACHABLE, reason)


def login(methods: Collection[str], *, locked: Collection[str], mend: Sequence[str]) -> Unreached:
    """Return the verdict on a host that wants a person.

    ``methods`` are those that would let us in, ``locked`` the key files that want a passphrase.
    """
    how = _how(methods, locked=bool(locked))
    names = ", ".join(sorted(methods)) or "nothing"
    wanting = f"; {', '.join(locked)} has a passphrase" if locked else ""
    reason = f"permission denied: the host takes {names}{wanting}"
    return Unreached(HostState.AUTH_REQUIRED, reason, how=how, mend=tuple(mend))


def _how(methods: Collection[str], *, locked: bool) -> str:
    if locked and "publickey" in methods:
        return "key passphrase"
    return next((one for one in ("password", "keyboard-interactive") if one in methods), "key")


def cut_off(mend: Sequence[str]) -> Unreached:
    """Return the verdict on a host that has hung up at the login: it was offered too much."""
    reason = "the host hung up at the login: too many keys were offered"
    return Unreached(HostState.AUTH_REQUIRED, reason, how="key", mend=tuple(mend))


def hung_up(phase: str) -> Unreached:
    """Return the verdict on a host that has closed the connection before the login."""
    return Unreached(HostState.UNREACHABLE, f"the host closed the connection {phase}")


def of_proxy_command(said: str) -> Unreached:
    """Return the verdict on a host whose ProxyCommand has ended, from what that has said."""
    said = said[-_MOST:]
    why = _of_direct(said, Mends(), ())
    if found := _FORWARD.search(said):
        answer = not_forwarded(found[0])
        if not answer.prohibited:
            return Unreached(HostState.UNREACHABLE, f"{answer.reason} (from its ProxyCommand)")
    return Unreached(HostState.BLOCKED, f"ProxyCommand: {why.reason}", blocked_by="ProxyCommand")


def key_unknown(kind: str, fingerprint: str, mend: Sequence[str]) -> Unreached:
    """Return the verdict on a host key that no known_hosts file has."""
    reason = " ".join(f"the host key is not known: {kind} {fingerprint}".split())
    return Unreached(HostState.HOST_KEY_UNKNOWN, reason, mend=tuple(mend))


def key_changed(kind: str, fingerprint: str, mend: Sequence[str]) -> Unreached:
    """Return the verdict on a host key that is another one than it should be."""
    reason = " ".join(f"the host key is not the one that is known: {kind} {fingerprint}".split())
    return Unreached(HostState.HOST_KEY_CHANGED, reason, mend=tuple(mend))


def behind(hop: str, why: Unreached, login: Sequence[str] = ()) -> Unreached:
    """Return the verdict on a host whose jump host is not reached.

    ``login`` is for the host itself: ssh asks a person for what its jump hosts want on the way.
    """
    first = why.blocked_by or hop
    reason = why.reason if why.state is HostState.BLOCKED else f"{hop}: {why.reason}"
    mend = tuple(login) if why.how and login else why.mend
    return Unreached(HostState.BLOCKED, reason, how=why.how, mend=mend, blocked_by=first)


def circle(hops: Sequence[str]) -> Unreached:
    """Return the verdict on a host on the way to which one comes by the same host twice."""
    reason = f"its jump hosts go in a circle: {', '.join(hops)}"
    return Unreached(HostState.BLOCKED, reason, blocked_by=hops[-1])


def of_forward(hop: str, answer: NotForwarded) -> Unreached:
    """Return the verdict on a host to which its jump host does not connect us."""
    if answer.prohibited:
        reason = f"{hop} does not forward connections"
        return Unreached(HostState.BLOCKED, reason, blocked_by=hop)
    return Unreached(HostState.UNREACHABLE, f"{answer.reason} (from {hop})")


def of_ssh(text: str, resolved: Resolved, mends: Mends, locked: Collection[str]) -> Unreached:
    """Return the verdict of ``ssh``, from what it printed (LC_ALL=C) before it gave up."""
    text = text[-_MOST:]
    reasons = _PROXIED.sub("", text).strip()
    if resolved.jumps and reasons and reasons != text.strip():
        return _of_jump(reasons, resolved, mends, locked)
    return _of_direct(text, mends, locked)


def _of_jump(text: str, resolved: Resolved, mends: Mends, locked: Collection[str]) -> Unreached:
    if found := _FORWARD.search(text):
        return of_forward(resolved.jumps[-1], not_forwarded(found[0]))
    why = _of_direct(text, Mends(login=mends.login), locked)
    return behind(_culprit(text, resolved.jumps), why)


def _culprit(text: str, jumps: Sequence[str]) -> str:
    """Return the jump host that an error names, else the first."""
    named = [one for one in jumps if re.search(rf"(?<![\w.-]){re.escape(one)}(?![\w.-])", text)]
    return (named or jumps)[0]


def _of_direct(text: str, mends: Mends, locked: Collection[str]) -> Unreached:
    if found := _of_key(text, mends):
        return found
    if denied := _DENIED.search(text):
        return login(denied[1].split(","), locked=locked, mend=mends.login)
    if "Too many authentication failures" in text:
        return cut_off(mends.login)
    for pattern, reason in _UNREACHABLE:
        if match := re.search(pattern, text):
            return Unreached(HostState.UNREACHABLE, reason.format(*match.groups()))
    return broken(_last_line(text) or "ssh failed and did not say why")


def _of_key(text: str, mends: Mends) -> Unreached | None:
    shown = re.search(r"SHA256:[\w+/]+", text)
    fingerprint = shown[0] if shown else ""
    if "REVOKED HOST KEY" in text:
        return Unreached(HostState.HOST_KEY_CHANGED, "the host key has been revoked")
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in text:
        return key_changed("", fingerprint, mends.changed)
    return key_unknown("", fingerprint, mends.unknown) if _KEY_REFUSED.search(text) else None


def _last_line(text: str) -> str:
    lines = (line.strip() for line in reversed(text.splitlines()))
    return next(filter(None, lines), "")[:_LINE]


def not_forwarded(text: str) -> NotForwarded:
    """Return why a host does not connect us to a port, from its words (or those of ``ssh``)."""
    text = text[-_MOST:]
    found = _FORWARD.search(text)
    kind, reason = (found[1], found[2].strip()) if found else ("", text.strip())
    prohibited = "prohibited" in kind or "prohibited" in text
    if prohibited:
        return NotForwarded("the host does not forward connections", prohibited=True)
    if "onnection refused" in text or "connect failed" in kind:
        return NotForwarded((reason or "connection refused").lower())
    return NotForwarded(reason or kind or "the host does not say why")
