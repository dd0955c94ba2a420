"""What proves who somebody is: the password, tokens, and sealed sessions.

A keyring is a value: it can be compared, pickled and replaced. Secrets are compared by their
digests, so that the time it takes tells nothing about them.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import Literal

from opencoderouter.core.cookies import SECURE_SESSION, SESSION
from opencoderouter.core.grant import Grant

Auth = Literal["auto", "always", "off"]
SESSION_LIFE = 7 * 86400.0  # seconds
_SEALED = 1024  # characters of a session, before its seal
_MAC = 64  # of the seal


@dataclass(frozen=True, slots=True)
class Token:
    """A secret for another machine or an agent; ``digest`` is the hexadecimal SHA-256 of it.

    ``created`` and ``expires`` are POSIX seconds; None is never.
    """

    id: str
    name: str
    digest: str
    created: float
    project: str | None = None
    read_only: bool = False
    expires: float | None = None

    @property
    def grant(self) -> Grant:
        """Return what it lets its holder do."""
        return Grant(
            "token",
            self.name,
            token=self.id,
            project=self.project,
            read_only=self.read_only,
            expires=self.expires,
        )


def digest(secret: str) -> bytes:
    """Return the SHA-256 of a secret."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class Keyring:
    """All that lets people in. ``password`` is a digest, ``key`` seals sessions.

    ``tokens`` are found by digest; ``revoked`` are the ids of sessions that were logged out. Times
    are POSIX seconds. With ``secure`` the router is reached by TLS, and at ``port`` anyhow.
    """

    auth: Auth = "off"
    password: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    tokens: Mapping[str, Token] = field(default_factory=lambda: MappingProxyType({}))
    revoked: frozenset[str] = frozenset()
    secure: bool = False
    port: int = 8080

    @property
    def cookie(self) -> str:
        """Return the name of the cookie that holds a session."""
        return f"{SECURE_SESSION if self.secure else SESSION}{self.port}"

    @property
    def epoch(self) -> str:
        """Return what is another one for each password and key."""
        return _epoch(self.key, self.password)

    def judge(self, secret: str, now: float) -> Grant | None:
        """Return what a secret lets its holder do; None when it is none of ours."""
        shown = digest(secret)
        if self.password and hmac.compare_digest(shown, self.password):
            return Grant("password", epoch=self.epoch)
        token = self.tokens.get(shown.hex())
        return token.grant if token and _lasts(token.expires, now) else None

    def holds(self, grant: Grant, now: float) -> bool:
        """Tell whether somebody who was let in still may."""
        if not _lasts(grant.expires, now) or (grant.session and grant.session in self.revoked):
            return False
        match grant.via:
            case "password":
                return grant.epoch == self.epoch
            case "token":
                return any(token.id == grant.token for token in self.tokens.values())
            case "peer":
                return self.auth == "auto"
            case "off":
                return self.auth == "off"

    def seal(self, grant: Grant, session: str, origin: str, host: str, now: float) -> str:
        """Return the cookie of a session that begins now.

        It is good for whoever calls from ``origin`` for ``host`` (no port), for a week at most.
        Raises ValueError for who was let in without a secret: that is no more than a connection's.
        """
        if grant.via not in {"password", "token"}:
            raise ValueError(f"no session for who came in by {grant.via!r}")
        expires = now + SESSION_LIFE
        if grant.expires is not None:
            expires = min(expires, grant.expires)
        text = json.dumps([session, grant.token, expires]).encode()
        body = urlsafe_b64encode(text).decode().rstrip("=")
        return f"{body}.{self._mac(body, origin, host)}"

    def unseal(self, value: str, origin: str, host: str, now: float) -> Grant | None:
        """Return what the holder of a session's cookie may do; None when it is not good."""
        if not self.key:
            return None
        body, _, mac = value.partition(".")
        if len(mac) != _MAC or len(body) > _SEALED:  # strangers must not have much looked at
            return None
        made = self._mac(body, origin, host)
        if not hmac.compare_digest(mac.encode("utf-8", "replace"), made.encode()):
            return None
        session, token, expires = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        grant = self._carried(token)
        carried = replace(grant, session=session, expires=expires) if grant else None
        return carried if carried and self.holds(carried, now) else None

    def _carried(self, token: str) -> Grant | None:
        if not token:
            return Grant("password", epoch=self.epoch)
        return next((one.grant for one in self.tokens.values() if one.id == token), None)

    def _mac(self, body: str, origin: str, host: str) -> str:
        """Seal everything that a session is bound to; the password and its key are part of it."""
        said = json.dumps([self.epoch, origin, host, self.cookie, body])
        return hmac.new(self.key, said.encode(), sha256).hexdigest()


@lru_cache(4)
def _epoch(key: bytes, password: bytes) -> str:
    return hmac.new(key, b"epoch" + password, sha256).hexdigest()[:16]


def _lasts(expires: float | None, now: float) -> bool:
    return expires is None or now < expires
