"""What a session is doing, in one word, and the signs for it and for hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from opencoderouter.core.fleet.attention import failed
from opencoderouter.core.fleet.model import HostState, Live, Session
from opencoderouter.core.fleet.preferences import Display

_WAITING = (Live.PERMISSION, Live.QUESTION)
_BUSY = (Live.BUSY, Live.RETRY)
_BRAILLE = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_BARS = "|/-\\"


class Status(StrEnum):
    """What a session is doing; the words are part of the JSON output."""

    ACTIVE = "active"  # something happened a short time ago
    THINKING = "thinking"  # its server says that it works right now
    WAITING = "waiting"  # for a person: a permission or a question
    IDLE = "idle"
    ERRORED = "errored"  # its last message failed
    COLD = "cold"  # nothing happened for long
    ARCHIVED = "archived"


class Role(StrEnum):
    """What a piece of text is, for the theme to choose how it looks."""

    TEXT = "text"
    STRONG = "strong"
    DIM = "dim"
    ACCENT = "accent"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    MATCH = "match"  # what a search has found


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign, its twin in ASCII, and its role."""

    text: str
    plain: str
    role: Role


SESSIONS: Mapping[Status, Sign] = {
    Status.ACTIVE: Sign("🟢", "*", Role.GOOD),
    Status.THINKING: Sign("⠿", "#", Role.ACCENT),  # while nothing may move
    Status.WAITING: Sign("🟡", "?", Role.WARN),
    Status.IDLE: Sign("💤", "-", Role.TEXT),
    Status.ERRORED: Sign("🔴", "!", Role.BAD),
    Status.COLD: Sign("·", ".", Role.DIM),
    Status.ARCHIVED: Sign("▫", "x", Role.DIM),
}
HOSTS: Mapping[HostState, Sign] = {
    HostState.ONLINE: Sign("●", "+", Role.GOOD),
    HostState.NO_OPENCODE: Sign("◌", "-", Role.DIM),
    HostState.AUTH_REQUIRED: Sign("◆", "@", Role.WARN),
    HostState.HOST_KEY_UNKNOWN: Sign("◆", "@", Role.WARN),
    HostState.HOST_KEY_CHANGED: Sign("▲", "!", Role.BAD),
    HostState.BLOCKED: Sign("○", "o", Role.DIM),
    HostState.UNREACHABLE: Sign("○", "o", Role.BAD),
    HostState.ERROR: Sign("▲", "!", Role.BAD),
}
UNKNOWN = Sign("◦", "~", Role.DIM)  # a host that has not been asked yet


def status_of(session: Session, now: float, display: Display) -> Status:
    """Return what a session does; what its server says goes before its age."""
    if session.archived is not None:
        return Status.ARCHIVED
    if session.asks or session.live in _WAITING:
        return Status.WAITING
    if session.live in _BUSY:
        return Status.THINKING
    return Status.ERRORED if failed(session) else _by_age(session, now, display)


def _by_age(session: Session, now: float, display: Display) -> Status:
    if session.updated is None:
        return Status.COLD
    age = now - session.updated
    if age <= display.active_threshold:
        return Status.ACTIVE
    return Status.IDLE if age <= display.idle_threshold else Status.COLD


def sign(of: Sign, display: Display) -> str:
    """Return the sign that the terminal can show."""
    return of.text if display.unicode else of.plain


def session_sign(status: Status, display: Display, frame: int) -> str:
    """Return a session's sign; that of a thinking one turns with ``frame``."""
    if status is not Status.THINKING or not display.animation:
        return sign(SESSIONS[status], display)
    turns = _BRAILLE if display.unicode else _BARS
    return turns[frame % len(turns)]


def host_sign(state: HostState | None) -> Sign:
    """Return the sign of a host, None for one that nothing is known of yet."""
    return UNKNOWN if state is None else HOSTS[state]
