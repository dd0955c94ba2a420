"""The router's own password, and the key that seals sessions: drawn once, kept in a file."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from opencoderouter import private
from opencoderouter.private import Damaged

# Letters and digits that are not taken for each other, and one word for a double click: 130 bits.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_LENGTH = 26
_KEY = 32  # octets
SHORTEST = 8  # characters of a password


@dataclass(frozen=True, slots=True)
class Secrets:
    """What nobody else may know; ``key`` is random octets."""

    password: str = field(repr=False)
    key: bytes = field(repr=False)


class SecretFile:
    """A JSON object with ``password`` and ``key`` (hexadecimal), shared by all routers of a user.

    What is damaged is never replaced but by ``rotate``: sessions and clients depend on it. All
    raise Damaged, NotPrivate, or OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Secrets:
        """Return the secrets; the first time they are drawn."""
        try:
            return self.read()
        except FileNotFoundError:
            with private.locked(self.path):
                try:
                    return self.read()  # somebody was faster
                except FileNotFoundError:
                    return self._draw()

    def read(self) -> Secrets:
        """Return the secrets. Raises FileNotFoundError where there are none yet."""
        content = private.read_json(self.path)
        password, key = content.get("password"), content.get("key")
        if not isinstance(password, str) or len(password) < SHORTEST:
            raise Damaged(self.path, "is damaged: no password")
        try:
            octets = bytes.fromhex(key) if isinstance(key, str) else b""
        except ValueError:
            octets = b""
        if len(octets) < _KEY:
            raise Damaged(self.path, "is damaged: no key")
        return Secrets(password, octets)

    def rotate(self) -> Secrets:
        """Draw a new password and a new key, which ends all sessions; whatever was there before."""
        with private.locked(self.path):
            return self._draw()

    def _draw(self) -> Secrets:
        password = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        drawn = Secrets(password, secrets.token_bytes(_KEY))
        content = {"password": drawn.password, "key": drawn.key.hex()}
        private.replace(self.path, json.dumps(content, indent=1).encode())
        return drawn
