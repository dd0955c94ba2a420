"""What there is on the hosts of a fleet: reports, servers, sessions, what waits for a person.

Times are seconds since the epoch, sizes are octets. Text of remote hosts is kept as it came: it
goes through ``core.printable`` wherever it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

LOCAL = "localhost"  # the machine that `ocr` runs on; reached without SSH


class HostState(StrEnum):
    """What a host is to us; the words are part of the JSON output."""

    ONLINE = "online"
    NO_OPENCODE = "no_opencode"
    AUTH_REQUIRED = "auth_required"
    HOST_KEY_UNKNOWN = "host_key_unknown"
    HOST_KEY_CHANGED = "host_key_changed"
    BLOCKED = "blocked"  # a jump host of its is not reached
    UNREACHABLE = "unreachable"
    ERROR = "error"


class Via(StrEnum):
    """What carries commands to a host."""

    LOCAL = "local"
    FABRIC = "fabric"
    OPENSSH = "openssh"


@dataclass(frozen=True, slots=True)
class HostSpec:
    """A host as the user named it, and what the configuration says of it.

    ``alias`` is what ``ssh`` gets: a ``Host`` of its configuration, or ``user@host`` of the command
    line; it never begins with ``-``. ``priority``: lower is higher in the list, None comes last.
    """

    alias: str
    label: str = ""
    group: str = ""
    priority: int | None = None
    opencode_path: str = ""
    scan_paths: tuple[str, ...] = ()
    local: bool = False

    @property
    def name(self) -> str:
        """Return what the screen calls it."""
        return self.label or self.alias


@dataclass(frozen=True, slots=True)
class Resolved:
    """What ``ssh -G ALIAS`` says. ``options`` has every line by its keyword in lower case."""

    alias: str
    hostname: str
    user: str
    port: int
    jumps: tuple[str, ...] = ()  # ProxyJump hops in order, as written
    proxy_command: str = ""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def first(self, keyword: str, default: str = "") -> str:
        """Return the first value of a keyword (lower case)."""
        return (self.options.get(keyword) or (default,))[0]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an OpenCode server is reached on its host: loopback port, and path below a router.

    ``authorization`` is a ready-made ``Authorization`` field value: a secret, never stored.
    """

    port: int
    address: str = "127.0.0.1"
    prefix: str = ""  # "" or "/slug"
    authorization: str | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Server:
    """A running OpenCode server of the user on that host."""

    port: int
    address: str = "127.0.0.1"
    pid: int | None = None
    directory: str = ""
    version: str = ""
    managed: bool = False  # by a router there
    locked: bool = False  # wants a password that is not known


@dataclass(frozen=True, slots=True)
class Router:
    """A running ``ocr-router`` of the user on that host."""

    port: int
    version: str = ""
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the host is; None where it did not tell."""

    load1: float | None = None
    cpus: int | None = None
    memory_total: int | None = None
    memory_available: int | None = None
    disk_total: int | None = None
    disk_available: int | None = None


class Live(StrEnum):
    """What a server says that a session does right now."""

    IDLE = "idle"
    BUSY = "busy"
    RETRY = "retry"
    PERMISSION = "permission"  # waits for a person
    QUESTION = "question"  # waits for a person


@dataclass(frozen=True, slots=True)
class Question:
    """One question of an agent. ``options`` are (label, description)."""

    text: str
    header: str = ""
    options: tuple[tuple[str, str], ...] = ()
    multiple: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """A permission or a question that waits for a person.

    ``kind`` is ``Live.PERMISSION`` or ``Live.QUESTION``; ``text`` says what is to be allowed, or
    the first question; ``endpoint`` is the server that has asked. ``always`` are the patterns that
    the answer "always" allows, as far as the server tells.
    """

    kind: Live
    id: str
    session: str
    text: str
    questions: tuple[Question, ...] = ()
    since: float | None = None
    endpoint: Endpoint | None = None
    always: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """A root session. ``live`` is None where no server of its directory could be asked.

    ``error`` is the name of the last message's error; ``MessageAbortedError`` (a person stopped it)
    is none. ``live_reason`` says what a retry waits for.
    """

    id: str
    title: str = ""
    directory: str = ""
    project: str = ""  # worktree of its git repository, or ""
    agent: str = ""
    model: str = ""
    cost: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    messages: int | None = None
    created: float | None = None
    updated: float | None = None
    archived: float | None = None
    error: str = ""
    live: Live | None = None
    live_reason: str = ""
    asks: tuple[Ask, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """A part of a probe that failed, while others did not: ``sessions``, ``servers``, ``live``."""

    part: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unreached:
    """Why nothing could be run on a host.

    ``state`` is none of ONLINE and NO_OPENCODE. ``how`` says what an AUTH_REQUIRED host wants:
    ``password``, ``keyboard-interactive``, ``key passphrase`` or ``key``. ``mend`` are commands
    that can be used as they stand. ``blocked_by`` is the jump host of a BLOCKED one.
    """

    state: HostState
    reason: str
    how: str = ""
    mend: tuple[str, ...] = ()
    blocked_by: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What one probe found. ``at`` is when it ended, ``took`` how long it was (seconds)."""

    state: HostState
    at: float
    took: float = 0.0
    reason: str = ""
    how: str = ""
    mend: tuple[str, ...] = ()
    blocked_by: str = ""
    via: Via | None = None
    via_reason: str = ""  # why not Fabric, where it is OpenSSH
    system: str = ""  # uname -sr
    program: str = ""  # where opencode is
    version: str = ""  # of opencode
    servers: tuple[Server, ...] = ()
    router: Router | None = None
    sessions: tuple[Session, ...] = ()
    load: Load | None = None
    failures: tuple[Failure, ...] = ()

    @property
    def reached(self) -> bool:
        """Tell whether the host was there, with or without OpenCode."""
        return self.state in (HostState.ONLINE, HostState.NO_OPENCODE)


@dataclass(frozen=True, slots=True)
class SessionRef:
    """A session of a host: what an action is about."""

    alias: str
    id: str
    directory: str


@dataclass(frozen=True, slots=True)
class ProjectRef:
    """A directory of a host."""

    alias: str
    directory: str


@dataclass(frozen=True, slots=True)
class HostRef:
    """A host as a whole."""

    alias: str


Target = HostRef | ProjectRef | SessionRef
