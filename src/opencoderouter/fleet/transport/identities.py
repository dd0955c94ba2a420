"""Logging in with public keys, as ssh does it, and in no other way (RFC 4252)."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from itertools import islice

from paramiko import PKey, SSHConfig, Transport
from paramiko.agent import AgentKey, AgentSSH
from paramiko.auth_strategy import AuthResult, AuthSource, AuthStrategy, InMemoryPrivateKey
from paramiko.pkey import PublicBlob, UnknownKeyType
from paramiko.ssh_exception import AuthenticationException, BadAuthenticationType, SSHException

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.fleet import keyfile
from opencoderouter.fleet.expansion import expanded_path
from opencoderouter.fleet.keyfile import KeyFile, strings

_CERTIFICATE = "-cert-v01@openssh.com"
_FIELDS = {"ssh-rsa": 2, "ssh-ed25519": 1}  # of a public key after its type; two for ECDSA


class Refused(AuthenticationException):
    """The host has not let us in. ``methods`` are those that it would take (what it still wants).

    ``locked`` are key files with a passphrase, ``foreign`` keys that paramiko cannot use.
    """

    def __init__(self, methods: Sequence[str], login: Login) -> None:
        super().__init__("permission denied")
        self.methods = tuple(methods)
        self.locked, self.foreign = tuple(login.locked), tuple(login.foreign)


class Late(AuthenticationException):
    """The host does not answer."""


class Agent(AgentSSH):
    """An agent at a socket; it may ask a person, so what waits for it can be broken off."""

    def __init__(self, path: str, limit: float) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(limit)
        try:
            self._socket.connect(path)
            self._connect(self._socket)  # type: ignore[attr-defined]
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """End it, also under a thread that waits for it."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # the agent was first
            return
        finally:
            self._socket.close()


class Login(AuthStrategy):
    """Tries the keys of a host: certificates, keys of the agent, then keys of files.

    ``limit`` (seconds) is for each answer of the agent.
    """

    def __init__(self, resolved: Resolved, limit: float) -> None:
        super().__init__(ssh_config=SSHConfig())
        self._resolved = resolved
        self._limit = limit
        self._agent: Agent | None = None
        self._over = False
        self._sources = self.get_sources()
        self.locked: dict[str, None] = {}
        self.foreign: dict[str, None] = {}

    def break_off(self) -> None:
        """End what waits for the agent."""
        self._over = True
        if self._agent is not None:
            self._agent.close()

    def get_sources(self) -> Iterator[AuthSource]:
        """Yield each key with the user's name."""
        return (InMemoryPrivateKey(self._resolved.user, key) for key in self.keys())

    def authenticate(self, transport: Transport) -> AuthResult:
        """Log in. Raises ``Refused``, ``Late`` and what paramiko raises for a lost connection.

        Not as paramiko's own: that takes a key as all that is wanted when the host wants more, and
        goes on with the next key when the host does not answer.
        """
        try:
            methods = self._wanted(transport)
            while methods:
                methods = self._step(transport, methods)
            return AuthResult(self)
        finally:
            if self._agent is not None:
                self._agent.close()

    def _wanted(self, transport: Transport) -> Sequence[str]:
        """Return the methods that the host takes; none when it lets everybody in."""
        try:
            return transport.auth_none(self._resolved.user)
        except BadAuthenticationType as error:
            return error.allowed_types
        except AuthenticationException as error:
            raise _late(error, transport) from error

    def _step(self, transport: Transport, methods: Sequence[str]) -> Sequence[str]:
        """Have a key accepted, and return what is wanted beside it. Raises as ``authenticate``."""
        allowed = self._resolved.first("pubkeyauthentication", "yes") not in {"no", "false"}
        for source in self._sources if allowed and "publickey" in methods else ():
            try:
                return source.authenticate(transport)
            except BadAuthenticationType as error:
                methods = error.allowed_types
                break
            except SSHException as error:  # not this key; or the agent does not sign
                if _is_over(error, transport):
                    raise _late(error, transport) from error
        raise Refused(methods, self)

    def keys(self) -> Iterator[PKey]:
        """Yield the keys in the order of ssh (pubkey_prepare in its sshconnect2.c)."""
        files = keyfile.identities(self._resolved)
        theirs = self._agent_keys()
        by_blob = {key.blob: key for key in theirs}
        only_named = self._resolved.first("identitiesonly", "no") == "yes"
        named = {file.public for file in files if file.public}
        for file in files:
            yield from self._certified(file, by_blob.get(file.public))
        yield from (by_blob[file.public] for file in files if file.public in by_blob)
        if not only_named:
            yield from (key for key in theirs if key.blob not in named)
        for file in files:
            if file.public not in by_blob and (key := self._load(file)) is not None:
                yield key

    def _certified(self, file: KeyFile, key: AgentKey | None) -> Iterator[PKey]:
        """Yield the key once for each certificate of it."""
        named = self._resolved.options.get("certificatefile", ())
        paths = [file.path.with_name(f"{file.path.name}-cert.pub")]
        paths += [expanded_path(one, self._resolved) for one in named]
        for path in paths:
            certificate = keyfile.blob(path)
            if not certificate or _certified_key(certificate) != file.public:
                continue
            private = self._load(file) if key is None else AgentKey(key.agent, key.blob)
            if private is not None:
                _certify(private, certificate)
                yield private

    def _load(self, file: KeyFile) -> PKey | None:
        """Return a key without its certificate; None, and why, where there is none."""
        if file.encrypted:
            self.locked[str(file.path)] = None
            return None
        try:
            key = PKey.from_path(file.path)
        except (ValueError, TypeError, SSHException, UnknownKeyType):
            self.foreign[file.path.name] = None
            return None
        except OSError:  # there is only the public one
            return None
        key.public_blob = None
        return key

    def _agent_keys(self) -> list[AgentKey]:
        path = _agent_path(self._resolved)
        if not path or self._over:
            return []
        try:
            self._agent = Agent(path, self._limit)
        except (OSError, SSHException):
            return []
        keys = [key for key in self._agent.get_keys() if isinstance(key, AgentKey)]
        usable = [key for key in keys if getattr(key, "inner_key", None) is not None]
        self.foreign |= {key.get_name(): None for key in keys if key not in usable}
        for key in usable:
            if key.get_name().endswith(_CERTIFICATE):
                _certify(key, key.blob)
        return usable


def _is_over(error: SSHException, transport: Transport) -> bool:
    return not transport.is_active() or "timeout" in str(error)


def _late(error: SSHException, transport: Transport) -> SSHException:
    return Late() if transport.is_active() else error


def _agent_path(resolved: Resolved) -> str:
    """Return the socket of the agent, or nothing (IdentityAgent of ssh_config(5))."""
    named = resolved.first("identityagent", "SSH_AUTH_SOCK")
    if named == "none":
        return ""
    variable = named == "SSH_AUTH_SOCK" or named.startswith("$")
    return os.environ.get(named.strip("${}"), "") if variable else named


def _certify(key: PKey, certificate: bytes) -> None:
    key.public_blob = PublicBlob(_kind(certificate), certificate)


def _kind(blob: bytes) -> str:
    return next(strings(blob)).decode()


def _certified_key(certificate: bytes) -> bytes:
    """Return the plain public key that a certificate is about (PROTOCOL.certkeys of OpenSSH)."""
    kind = _kind(certificate).removesuffix(_CERTIFICATE)
    parts = list(islice(strings(certificate), 2, 2 + _FIELDS.get(kind, 2)))  # after the nonce
    return b"".join(len(one).to_bytes(4, "big") + one for one in (kind.encode(), *parts))
