"""Host keys that the user knows: files in the form of sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.

paramiko has a reader, too; it fails on a marker, does not know wildcards, and reads one file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import os
import re
import shlex
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.core.fleet.patterns import any_matches, is_wild

_log = logging.getLogger(__name__)
_PORT = 22
_HASHED = "|1|"  # HMAC-SHA1 of the name: |1|salt|digest
_SALT = 20  # octets
_BLOCK, _PADS = 64, (0x36, 0x5C)  # of HMAC-SHA1
_CA, _REVOKED = "@cert-authority", "@revoked"
_KINDS = frozenset(
    (
        "ssh-ed25519",
        "ssh-rsa",
        "ssh-dss",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    )
)
# Options that have a say in which keys are known, and their values that say nothing.
_OPTIONS = (
    ("KnownHostsCommand", {"no", "none"}),
    ("VerifyHostKeyDNS", {"no", "false", "ask"}),
    ("NoHostAuthenticationForLocalhost", {"no"}),
    ("RevokedHostKeys", {"no", "none"}),
)

Key = tuple[str, str]  # type and base64, as in the files


class Verdict(Enum):
    """What the files say of a key that a host has shown."""

    KNOWN = auto()
    UNKNOWN = auto()
    CHANGED = auto()  # other keys are known of this host


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one host under ``name``: ``example.com``, or ``[example.com]:2222``.

    ``portless`` are keys of the same host without its port: ssh accepts them, too, as long as there
    are none with it. ``needs_ssh`` says why only OpenSSH can judge; then the rest does not count.
    ``holders`` are the files that have a key of that name. ``broken`` is how many lines of all
    files cannot be read; they do not count, for ssh neither.
    """

    name: str
    keys: tuple[Key, ...] = ()
    portless: tuple[Key, ...] = ()
    needs_ssh: str = ""
    holders: tuple[Path, ...] = ()
    broken: int = 0

    @property
    def types(self) -> tuple[str, ...]:
        """Return the types of the keys. Ask the host for one of these first, as ssh does."""
        return tuple(dict.fromkeys(kind for kind, _ in self.keys))

    def verdict(self, kind: str, encoded: str) -> Verdict:
        """Judge a key that the host has shown: its type and its base64."""
        key = (kind, encoded)
        if key in self.keys:
            return Verdict.KNOWN
        if self.keys:
            return Verdict.CHANGED
        return Verdict.KNOWN if key in self.portless else Verdict.UNKNOWN


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that can be read. ``names`` are its patterns, or it has the hash of one name.

    ``plain``: no pattern is more than a name.

    The hash is written out, with ``inner`` and ``outer`` key (RFC 2104): there may be thousands of
    lines and hundreds of hosts, and ``hmac`` takes five times as long.
    """

    marker: str
    key: Key
    names: tuple[str, ...] = ()
    plain: bool = False
    inner: bytes = b""
    outer: bytes = b""
    digest: bytes = b""

    def has(self, name: str) -> bool:
        """Tell whether it is about this name (lower case)."""
        if self.digest:
            inner = _sha1(self.inner + name.encode(errors="surrogateescape"))
            return _sha1(self.outer + inner) == self.digest
        return name in self.names if self.plain else any_matches(name, self.names)

    @property
    def needs_ssh(self) -> str:
        """Say what it is, where only OpenSSH is to judge."""
        if self.marker:
            return "a certificate authority" if self.marker == _CA else "a revoked key"
        return "" if self.plain or not any(map(is_wild, self.names)) else "a pattern"


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    lines: tuple[_Line, ...] = ()
    broken: int = 0
    unreadable: str = ""


class KnownHosts:
    """Reads the files of each host, and keeps what it has read until they change."""

    def __init__(self) -> None:
        self._files: dict[Path, tuple[tuple[int, ...], _File]] = {}
        self._known: dict[tuple[str, str, str], tuple[list[_File], Known]] = {}

    def of(self, resolved: Resolved) -> Known:
        """Return what is known of a host. Reads files, which may take a while."""
        name = _name(resolved)
        paths, reason = _paths(resolved)
        files = [file for path in paths if (file := self._read(path)) is not None]
        unreadable = next((file.unreadable for file in files if file.unreadable), "")
        key = (name, _portless(resolved, name), _option(resolved) or reason or unreadable)
        kept = self._known.get(key)
        if kept is None or kept[0] != files:  # the very same ones while nothing has changed
            kept = self._known[key] = (files, _known(*key, files))
        return kept[1]

    def _read(self, path: Path) -> _File | None:
        """Return a file; None if there is none."""
        try:
            now = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return _File(path, unreadable=f"{path} cannot be read: {error.strerror}")
        stamp = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
        if path not in self._files or self._files[path][0] != stamp:
            self._files[path] = (stamp, _load(path))
        return self._files[path][1]


def _load(path: Path) -> _File:
    if str(path) == os.devnull:
        return _File(path)
    if not path.is_file():  # a pipe may never end
        return _File(path, unreadable=f"{path} is no regular file")
    try:
        text = path.read_bytes().decode(errors="surrogateescape")
    except OSError as error:
        return _File(path, unreadable=f"{path} cannot be read: {error.strerror}")
    rows = (row.strip(" \t\r") for row in text.split("\n"))
    lines = [_line(re.split(r"[ \t]+", row)) for row in rows if row[:1] not in {"", "#"}]
    good = tuple(line for line in lines if line is not None)
    if len(good) < len(lines):
        _log.debug("known hosts left out path=%s lines=%d", path, len(lines) - len(good))
    return _File(path, good, len(lines) - len(good))


def _line(fields: list[str]) -> _Line | None:
    """Return a line of ``[marker] names type base64 [comment]``; None if that is not what it is."""
    marker = fields.pop(0) if fields[0].startswith("@") else ""
    if marker not in {"", _CA, _REVOKED} or len(fields) < 3:  # noqa: PLR2004 - names, type, base64
        return None
    names, kind, encoded = fields[:3]
    if names.startswith("@") or not _is_key(kind, encoded):
        return None
    if not names.startswith("|"):
        each = tuple(names.lower().split(","))
        plain = not any(one.startswith("!") or is_wild(one) for one in each)
        return _Line(marker, (kind, encoded), each, plain)
    salt, _, digest = names.removeprefix(_HASHED).partition("|")
    octets = (_octets(salt), _octets(digest))
    if not names.startswith(_HASHED) or [len(one) for one in octets] != [_SALT, _SALT]:
        return None
    inner, outer = (bytes(one ^ pad for one in octets[0].ljust(_BLOCK, b"\0")) for pad in _PADS)
    return _Line(marker, (kind, encoded), inner=inner, outer=outer, digest=octets[1])


def _sha1(octets: bytes) -> bytes:
    return hashlib.sha1(octets, usedforsecurity=False).digest()  # the form of the file


def _octets(encoded: str) -> bytes:
    """Return what base64 stands for; nothing where it is none."""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _is_key(kind: str, encoded: str) -> bool:
    """Tell whether it is a public key of that type: the type is in it once more (RFC 4253, 6.6)."""
    blob = _octets(encoded)
    inner = len(kind).to_bytes(4, "big") + kind.encode(errors="surrogateescape")
    return kind in _KINDS and blob.startswith(inner) and len(blob) > len(inner)


def _name(resolved: Resolved) -> str:
    """Return the name that ssh looks for."""
    alias = resolved.first("hostkeyalias").lower()
    host = resolved.hostname.lower()
    return alias or (host if resolved.port == _PORT else f"[{host}]:{resolved.port}")


def _portless(resolved: Resolved, name: str) -> str:
    """Return the name that ssh looks for when it does not find that one."""
    host = resolved.hostname.lower()
    return "" if resolved.first("hostkeyalias") or name == host else host


def _paths(resolved: Resolved) -> tuple[list[Path], str]:
    """Return the files, or why they are not known: ``ssh -G`` does not quote them."""
    lists = [resolved.first(key) for key in ("userknownhostsfile", "globalknownhostsfile")]
    words = [word for text in lists for word in text.split() if word != "none"]
    odd = [word for word in words if not word.startswith("/") or "%" in word or "${" in word]
    if odd:
        return [], "the paths of its known_hosts files have blanks, or are not absolute"
    return [Path(word) for word in words], ""


def _option(resolved: Resolved) -> str:
    """Say which option makes keys known, or unknown, in another way than by these files."""
    set_ = (name for name, off in _OPTIONS if resolved.first(name.lower(), "no") not in off)
    return next((f"its configuration has {name}" for name in set_), "")


def _known(name: str, portless: str, reason: str, files: list[_File]) -> Known:
    mine = [(file.path, line) for file in files for line in file.lines if line.has(name)]
    bare = [
        (file.path, line)
        for file in files
        for line in file.lines
        if portless and line.has(portless)
    ]
    odd = (f"{line.needs_ssh} of {path} matches" for path, line in mine + bare if line.needs_ssh)
    return Known(
        name,
        keys=tuple(dict.fromkeys(line.key for _, line in mine)),
        portless=tuple(dict.fromkeys(line.key for _, line in bare)),
        needs_ssh=reason or next(odd, ""),
        holders=tuple(dict.fromkeys(path for path, _ in mine)),
        broken=sum(file.broken for file in files),
    )


def to_learn(alias: str, config: str = "") -> tuple[str, ...]:
    """Return the command with which a person looks at the key of a new host, and accepts it."""
    options = "-o BatchMode=no -o StrictHostKeyChecking=ask -o RemoteCommand=none"
    return (f"ssh {_file(config)}{options} -- {shlex.quote(alias)} true",)


def to_forget(known: Known, alias: str, config: str = "") -> tuple[str, ...]:
    """Return the commands that forget the old keys of a host, and look at the new one.

    Where only OpenSSH can judge they show what it goes by: a line that has a pattern is for other
    hosts, too, and one that revokes a key is there for a reason.
    """
    act = "-F" if known.needs_ssh else "-R"
    name = shlex.quote(known.name)
    lines = [f"ssh-keygen {act} {name} -f {shlex.quote(str(path))}" for path in known.holders]
    return (*lines, *(() if known.needs_ssh else to_learn(alias, config)))


def _file(config: str) -> str:
    return f"-F {shlex.quote(str(Path(config).expanduser()))} " if config else ""
