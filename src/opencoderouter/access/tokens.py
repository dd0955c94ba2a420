"""Tokens for other machines and agents: named, revocable, and kept as digests only."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from opencoderouter import private
from opencoderouter.core.keyring import Token, digest
from opencoderouter.core.slug import is_slug
from opencoderouter.private import Damaged

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SECRET = 32  # octets: more than the 160 bits that are enough
_ID = 4  # octets


@dataclass(frozen=True, slots=True)
class Taken:
    """A token that has not expired has the name already."""

    name: str


def is_name(text: str) -> bool:
    """Tell whether a token can be called so: letters, digits, ``._-``, 64 characters at most."""
    return _NAME.fullmatch(text) is not None


class TokenFile:
    """A JSON object with ``tokens``, shared by all routers of a user; a missing one has none.

    What is damaged, or has what this version does not know, is neither used nor replaced: what is
    not understood could be the limit of a token. All raise Damaged, NotPrivate, or OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> tuple[Token, ...]:
        """Return all tokens, those that have expired included."""
        try:
            content = private.read_json(self.path)
        except FileNotFoundError:
            return ()
        entries = content.get("tokens")
        if content.keys() != {"tokens"} or not isinstance(entries, list):
            raise Damaged(self.path, "is damaged: no list of tokens")
        found = tuple(_token(entry) for entry in entries)
        tokens = tuple(token for token in found if token is not None)
        if len(tokens) < len(found):
            raise Damaged(self.path, "is damaged: an entry is no token")
        return tokens

    def create(
        self,
        name: str,
        *,
        project: str | None,
        read_only: bool,
        expires: float | None,
        now: float,
    ) -> tuple[Token, str] | Taken:
        """Add a token; return it and its secret, which is kept nowhere.

        ``name`` must be one by ``is_name``; times are POSIX seconds. Tokens that have expired go.
        """
        secret = f"ocrt_{secrets.token_urlsafe(_SECRET)}"
        with private.locked(self.path):
            held = [token for token in self.load() if token.expires is None or now < token.expires]
            if any(name in {token.name, token.id} for token in held):
                return Taken(name)
            token = Token(
                id=secrets.token_hex(_ID),
                name=name,
                digest=digest(secret).hex(),
                created=now,
                project=project,
                read_only=read_only,
                expires=expires,
            )
            self._write([*held, token])
        return token, secret

    def revoke(self, name: str) -> Token | None:
        """Remove the token with this name or id and return it; None when there is none."""
        with private.locked(self.path):
            tokens = self.load()
            gone = next((token for token in tokens if name in {token.name, token.id}), None)
            if gone is not None:
                self._write([token for token in tokens if token is not gone])
        return gone

    def _write(self, tokens: list[Token]) -> None:
        content = {"tokens": [asdict(token) for token in tokens]}
        private.replace(self.path, json.dumps(content, indent=1).encode())


def _token(entry: object) -> Token | None:
    """Return what an entry says, if it says nothing that is wrong or unknown."""
    if not isinstance(entry, dict) or entry.keys() != Token.__dataclass_fields__.keys():
        return None
    return Token(**entry) if _is_valid(entry) else None


def _is_valid(entry: Mapping[str, object]) -> bool:
    text = all(isinstance(entry[key], str) for key in ("id", "name", "digest"))
    project, expires = entry["project"], entry["expires"]
    return (
        text
        and _NAME.fullmatch(str(entry["name"])) is not None
        and _DIGEST.fullmatch(str(entry["digest"])) is not None
        and (project is None or (isinstance(project, str) and is_slug(project)))
        and isinstance(entry["read_only"], bool)
        and _is_time(entry["created"])
        and (expires is None or _is_time(expires))
    )


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
