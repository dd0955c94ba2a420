"""What exists: listeners, the backends behind them, the projects they serve."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """What a project is doing, in the words of the API, the log and the dashboard."""

    # Listens (or is being started), has not answered yet. With a reason: named, and not reached.
    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"  # listens, answers too slowly; stays routed
    LOCKED = "locked"  # wants a password the router does not know; stays routed
    FAILED = "failed"  # answers, but its project does not load
    STOPPED = "stopped"  # managed by the router, and stopped on request


# With one of these a server can have its project's route.
ROUTED = frozenset({Status.READY, Status.BUSY, Status.LOCKED})


class Kind(StrEnum):
    """The OpenCode command behind a listener; ``OTHER`` when its process is not OpenCode."""

    SERVE = "serve"
    WEB = "web"
    ACP = "acp"
    TUI = "tui"
    OTHER = "other"


# `serve` lives as long as it is wanted, `acp` only as long as an editor; what is not proven to be
# OpenCode may be anything.
PREFERENCE = {Kind.SERVE: 0, Kind.WEB: 1, Kind.TUI: 2, Kind.ACP: 3, Kind.OTHER: 4}
# They serve an editor or a terminal, and live no longer than that: whoever wants a server in the
# directory gets one all the same.
FLEETING = frozenset({Kind.ACP, Kind.TUI})


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening TCP socket.

    ``address`` is numeric, without brackets (``127.0.0.1``, ``::1``, ``::``); of a named server
    that is not reached it is the host. ``uid``, ``inode`` and ``pid`` are None where the kernel
    could not be asked. ``authorization`` is the ready-made ``Authorization`` field value of a
    server whose password is known: a secret.
    """

    address: str
    port: int
    uid: int | None = None
    inode: int | None = None
    pid: int | None = None
    kind: Kind = Kind.OTHER
    authorization: str | None = field(default=None, repr=False)

    @property
    def key(self) -> tuple[str, int, int | None]:
        """Same key, same socket: a port that changes hands gets a new inode."""
        return (self.address, self.port, self.inode)

    @property
    def target(self) -> str:
        """Return the numeric address to connect to: the loopback twin of a wildcard bind."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address, self.address)  # noqa: S104

    @property
    def authority(self) -> str:
        """Return ``host:port`` as a URL wants it."""
        return (
            f"[{self.target}]:{self.port}" if ":" in self.target else f"{self.target}:{self.port}"
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """What a server says of itself (``GET /global/health``, ``GET /path``).

    ``directory`` is absolute and has no slash at its end (but ``/``): equal strings, one project.
    """

    directory: str
    version: str


@dataclass(frozen=True, slots=True)
class Sessions:
    """How many sessions a project has (``more``: at least so many), and how many are busy."""

    total: int
    busy: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class Backend:
    """One OpenCode server: its socket, what it is, how it is."""

    listener: Listener
    identity: Identity
    status: Status
    reason: str = ""
    sessions: Sessions | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """A directory that is served. ``backends[0]`` has the route; the others are listed."""

    slug: str
    directory: str
    backends: tuple[Backend, ...]

    @property
    def route(self) -> Backend:
        """Return the backend that requests go to."""
        return self.backends[0]

    @property
    def name(self) -> str:
        """Return the last folder name, as the user wrote it."""
        return self.directory.rstrip("/").rpartition("/")[2] or "/"
