"""What a row of the tree is about: it is known by that while the tree changes around it."""

from __future__ import annotations

from dataclasses import dataclass

from opencoderouter.core.fleet.model import Session, SessionRef, Target


@dataclass(frozen=True, slots=True)
class GroupRef:
    """A group of hosts."""

    name: str


@dataclass(frozen=True, slots=True)
class MoreRef:
    """The sessions of a project that are not shown because there are too many."""

    alias: str
    directory: str


Place = Target | GroupRef | MoreRef


def directory_of(session: Session) -> str:
    """Return the directory that a session is shown under: its repository's, else its own."""
    return session.project or session.directory


def session_ref(alias: str, session: Session) -> SessionRef:
    """Return what a session of a host is known by."""
    return SessionRef(alias, session.id, session.directory)
