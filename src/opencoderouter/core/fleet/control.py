"""What screens and commands ask of a fleet. ``fleet.actions`` does it; tests have a fake.

Nothing here raises for what a host or a person can bring about: what was not done is a ``Failed``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from opencoderouter.core.fleet.model import Ask, ProjectRef, SessionRef


@dataclass(frozen=True, slots=True)
class Failed:
    """What was not done, and why. ``summary`` is one line; ``detail`` all that is known."""

    summary: str
    detail: str = ""
    mend: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, in one line. ``value`` is the id, directory, path or URL that came of it."""

    summary: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Foreground:
    """A program that gets the terminal. ``shown`` is what a person would type for it."""

    argv: tuple[str, ...]
    shown: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a session: ``role`` is ``user`` or ``assistant``."""

    role: str
    text: str
    at: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Todo:
    """One line of a session's todo list."""

    text: str
    status: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """One line of a session's diff summary."""

    path: str
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class Detail:
    """What the inspect panel shows of a session beyond the report."""

    messages: tuple[Message, ...] = ()  # the last ones, oldest first
    todo: tuple[Todo, ...] = ()
    changes: tuple[FileChange, ...] = ()
    error: str = ""  # of the last message, in full
    missing: tuple[str, ...] = ()  # parts that could not be read, and why


Outcome = Done | Failed
Progress = Callable[[str], None]


class Control(Protocol):
    """Everything that can be done. Targets are looked at again before anything is changed."""

    def refresh(self, aliases: Collection[str] | None = None) -> None:
        """Ask these hosts (None: all) again now, back-off or not. Returns at once."""

    async def detail(self, session: SessionRef) -> Detail | Failed:
        """Read a session's last messages, todo list, changes and error."""

    async def attach(self, session: SessionRef) -> Foreground | Failed:
        """Return what attaches a terminal to a session."""

    async def login(self, alias: str) -> tuple[Foreground, ...] | Failed:
        """Return what a person runs so that a host that wants them lets us in, in order."""

    async def new(self, project: ProjectRef, prompt: str = "", agent: str = "") -> Outcome:
        """Make a session, and prompt it if there is a prompt. ``Done.value`` is its id."""

    async def abort(self, session: SessionRef) -> Outcome:
        """Stop what a session does, at every server that may do it."""

    async def archive(self, session: SessionRef) -> Outcome:
        """Archive a session. OpenCode has no way back."""

    async def delete(self, session: SessionRef) -> Outcome:
        """Export a session as JSON to this machine, then delete it. ``Done.value`` is the file."""

    async def reply(self, alias: str, ask: Ask, answers: tuple[tuple[str, ...], ...]) -> Outcome:
        """Answer a permission (``once``, ``always``, ``reject``) or each question's choices.

        An empty ``answers`` rejects a question.
        """

    async def clone(self, alias: str, url: str, target: str, progress: Progress) -> Outcome:
        """Clone a repository to a directory of a host. ``Done.value`` is the directory."""

    async def start(self, project: ProjectRef) -> Outcome:
        """Start a server in a directory. ``Done.value`` is its port."""

    async def restart(self, project: ProjectRef) -> Outcome:
        """End the servers of a directory, tools first, and start one."""

    async def browse(self, session: SessionRef) -> Outcome:
        """Forward the session's server to this machine. ``Done.value`` is the URL to open."""
