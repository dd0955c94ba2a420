"""What a server answered, and what that makes of it. No I/O; nothing here raises."""

from __future__ import annotations

import json
import os.path
from dataclasses import dataclass
from typing import Any, TypeGuard

from opencoderouter.core.model import Identity, Sessions

REALM = 'realm="secure area"'  # of OpenCode's Basic challenge, in lower case
_ERRORS = "--- Errors ---"
_REASON = 500  # characters of a reason that are worth showing
_VERSION = 64
_PATH_MAX = 4096  # bytes (limits.h of Linux)
MANY = 100  # sessions that are counted one by one


@dataclass(frozen=True, slots=True)
class Healthy:
    """An OpenCode server. After ``health`` alone its ``identity.directory`` is empty."""

    identity: Identity


@dataclass(frozen=True, slots=True)
class Locked:
    """An OpenCode server that wants a password that is not known."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An OpenCode server whose project does not load."""

    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something else: what it says, no OpenCode server says."""


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer in time, or no connection."""


Answer = Healthy | Locked | Broken | Foreign | Silent


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP response. ``content_type`` and ``challenge`` are header values, or empty."""

    status: int
    content_type: str = ""
    challenge: str = ""
    body: bytes = b""

    @property
    def locked(self) -> bool:
        """Tell whether this is OpenCode's refusal of a request without its password."""
        return self.status == 401 and REALM in self.challenge.lower()  # noqa: PLR2004

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON is anything
        """Return the decoded body, or None when it is not JSON or does not say that it is."""
        if self.content_type.partition(";")[0].strip().lower() != "application/json":
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


def read_health(reply: Reply) -> Healthy | Locked | Foreign:
    """Judge ``GET /global/health``. Unknown paths answer 200 too, with HTML."""
    if reply.locked:
        return Locked()
    said = reply.json
    if reply.status == 200 and isinstance(said, dict) and said.get("healthy") is True:  # noqa: PLR2004
        return Healthy(Identity("", _plain(said.get("version"), _VERSION)))
    return Foreign()


def read_path(reply: Reply, version: str) -> Healthy | Locked | Broken | Foreign:
    """Judge ``GET /path`` of a server whose health is good."""
    if reply.locked:
        return Locked()
    value = reply.json
    said = value if isinstance(value, dict) else {}
    if reply.status >= 400:  # noqa: PLR2004
        return Broken(version, _reason(said) or f"GET /path answers {reply.status}")
    directory = said.get("directory")
    if reply.status != 200 or not is_directory(directory):  # noqa: PLR2004
        return Foreign()
    return Healthy(Identity(directory, version))


def read_busy(reply: Reply) -> frozenset[str] | None:
    """Return the sessions of ``GET /session/status`` that are at work; idle ones are absent."""
    said = reply.json
    if reply.status != 200 or not isinstance(said, dict):  # noqa: PLR2004
        return None
    return frozenset(
        name
        for name, state in said.items()
        if isinstance(state, dict) and state.get("type") != "idle"
    )


def read_sessions(listing: Reply, busy: frozenset[str]) -> Sessions | None:
    """Count ``GET /session?roots=true&limit=101``; archived sessions are not counted."""
    said = listing.json
    if listing.status != 200 or not isinstance(said, list):  # noqa: PLR2004
        return None
    live = sum(isinstance(session, dict) and not _archived(session) for session in said)
    return Sessions(min(live, MANY), len(busy), more=len(said) > MANY)


def is_directory(value: object) -> TypeGuard[str]:
    """Tell whether ``value`` may name a directory: as the system tells of a working directory.

    Absolute, at most ``PATH_MAX`` bytes, without ``.`` and ``..`` and with no slash too many: a
    directory has one such name. Control characters may be in it.
    """
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        return False
    try:
        size = len(value.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return False
    # POSIX leaves a double slash at the beginning as it is.
    return size <= _PATH_MAX and os.path.normpath(value) == value and not value.startswith("//")


def _archived(session: dict[str, Any]) -> bool:
    time = session.get("time")
    return isinstance(time, dict) and time.get("archived") is not None


def _reason(said: dict[str, Any]) -> str:
    """Return which file is wrong, and what is wrong with it; not what it holds: keys are there."""
    data = said.get("data")
    details = data if isinstance(data, dict) else {}
    what = _error(details.get("message")) or _issue(details.get("issues")) or said.get("name")
    parts = (_plain(details.get("path"), _REASON), _plain(what, _REASON))
    return ": ".join(filter(None, parts))[:_REASON]


def _error(message: object) -> str:
    """Return the message of ``ConfigJsonError`` without the file that it quotes."""
    if not isinstance(message, str):
        return ""
    _, mark, errors = message.partition(_ERRORS)
    return errors.strip().partition("\n")[0] if mark else message


def _issue(issues: object) -> str:
    """Return the first of the ``issues`` of ``ConfigInvalidError``: which setting, and why."""
    first = issues[0] if isinstance(issues, list) and issues else None
    if not isinstance(first, dict):
        return ""
    where = first.get("path")
    setting = ".".join(map(str, where)) if isinstance(where, list) else ""
    return ": ".join(filter(None, (setting, str(first.get("message", "")))))


def _plain(value: object, limit: int) -> str:
    """Return text without control characters, on one line and not too long; else nothing."""
    if not isinstance(value, str):
        return ""
    return "".join(c for c in " ".join(value.split()) if c.isprintable())[:limit]
