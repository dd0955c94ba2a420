"""What a private key file tells without its passphrase (PROTOCOL.key of OpenSSH)."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from os import getuid
from pathlib import Path

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.fleet.expansion import expanded_path

_MAGIC = b"openssh-key-v1\0"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class KeyFile:
    """``public`` is the public key as it is sent, nothing where only the passphrase tells it."""

    path: Path
    public: bytes = b""
    encrypted: bool = False


def identities(resolved: Resolved) -> list[KeyFile]:
    """Return the identity files of a host that are there, and that ssh would use."""
    named = resolved.options.get("identityfile", ())
    paths = dict.fromkeys(expanded_path(one, resolved) for one in named)
    return [found for path in paths if (found := read(path)) is not None]


def read(path: Path) -> KeyFile | None:
    """Return what is told; None if there is neither a private key that only we read, nor ``.pub``.

    Without the private key, the public one tells which key of the agent is meant.
    """
    public = blob(path.with_name(f"{path.name}.pub"))
    text = _private(path)
    if not text:
        return KeyFile(path, public) if public else None
    if b"OPENSSH PRIVATE KEY" not in text:
        return KeyFile(path, public, b"ENCRYPTED" in text)
    try:
        cipher, inner = _header(text)
    except ValueError:
        return KeyFile(path, public)
    return KeyFile(path, public or inner, cipher != b"none")


def blob(path: Path) -> bytes:
    """Return the key of a file ``TYPE BASE64 …``: a public key or certificate; or nothing."""
    try:
        return base64.b64decode(path.read_bytes().split()[1])
    except (OSError, ValueError, IndexError):
        return b""


def strings(octets: bytes) -> Iterator[bytes]:
    """Yield the strings of which a key consists (RFC 4251 section 5)."""
    while octets:
        size = 4 + int.from_bytes(octets[:4], "big")
        yield octets[4:size]
        octets = octets[size:]


def _private(path: Path) -> bytes:
    try:
        found = path.stat()
        if found.st_uid == getuid() and found.st_mode & _OTHERS:
            return b""  # others can read it: ssh does not use it, either
        return path.read_bytes() if stat.S_ISREG(found.st_mode) else b""
    except OSError:
        return b""


def _header(text: bytes) -> tuple[bytes, bytes]:
    """Return the cipher and the public key. Raises ValueError."""
    lines = (one for one in text.splitlines() if not one.startswith(b"-----"))
    octets = base64.b64decode(b"".join(lines))
    if not octets.startswith(_MAGIC):
        raise ValueError
    parts = list(islice(strings(octets.removeprefix(_MAGIC)), 3))  # cipher, derivation, options
    at = len(_MAGIC) + sum(4 + len(one) for one in parts) + 4  # and the number of keys
    return parts[0], next(strings(octets[at:]), b"")
