"""What the user prefers (``~/.opencode/remote-tui.yaml``), as plain values. Durations are seconds.

``opencoderouter.preferences`` reads and checks the file; the defaults are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Polling:
    """When hosts are asked. ``timeout`` is for one host, whatever it does."""

    interval: float = 30.0
    timeout: float = 10.0
    jitter: float = 5.0
    max_parallel: int = 10


@dataclass(frozen=True, slots=True)
class Cache:
    """What a new start shows at once: reports not older than ``ttl`` count as fresh."""

    ttl: float = 60.0
    persist: bool = True


@dataclass(frozen=True, slots=True)
class Display:
    """How the screen looks. Younger than ``active_threshold``: ACTIVE; than ``idle_…``: IDLE."""

    theme: str = "auto"
    unicode: bool = True
    animation: bool = True
    active_threshold: float = 600.0
    idle_threshold: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Override:
    """What is special about one host."""

    label: str = ""
    priority: int | None = None
    opencode_path: str = ""
    scan_paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hosts:
    """Which hosts of the SSH configuration are shown, and how. Patterns are globs of aliases."""

    include: tuple[str, ...] = ("*",)
    ignore: tuple[str, ...] = ("backup-*",)
    groups: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {"production": ("prod-*",), "development": ("dev-*",)}
    )
    overrides: Mapping[str, Override] = field(default_factory=dict)
    local: bool = True  # this machine, too


class Transport(StrEnum):
    """What carries commands to hosts."""

    AUTO = "auto"  # Fabric; OpenSSH for what it cannot do
    FABRIC = "fabric"
    OPENSSH = "openssh"


@dataclass(frozen=True, slots=True)
class Ssh:
    """How hosts are reached. ``config``: another file than ssh's own (``ssh -F``), or ""."""

    transport: Transport = Transport.AUTO
    config: str = ""
    control_master: str = "auto"  # auto, yes, no: whether OpenSSH's connections are kept
    control_persist: float = 60.0
    control_path: str = "~/.ssh/ocr-%n-%C"
    batch_mode: bool = True
    connect_timeout: float = 10.0


class SortBy(StrEnum):
    """The order of sessions; ``name`` and ``host`` also sort projects and hosts by name."""

    LAST_ACTIVITY = "last_activity"
    NAME = "name"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Sessions:
    """Which sessions are shown. ``max_display`` is for each project (the newest)."""

    sort_by: SortBy = SortBy.LAST_ACTIVITY
    show_archived: bool = False
    max_display: int = 50
    enrich_from_db: bool = True
    scan_paths: tuple[str, ...] = ("~",)


# Action to keys, in Textual's names. The first eleven are those of the original program.
KEYS: Mapping[str, tuple[str, ...]] = {
    "attach": ("enter",),
    "search": ("slash",),
    "refresh": ("r",),
    "quit": ("q",),
    "new_session": ("n",),
    "kill_session": ("d",),
    "git_clone": ("g",),
    "inspect": ("i",),
    "cycle_view": ("tab",),
    "authenticate": ("a",),
    "error_detail": ("e",),
    "reload_sessions": ("ctrl+r",),
    "toggle": ("space",),
    "up": ("up", "k"),
    "down": ("down", "j"),
    "collapse": ("left", "h"),
    "expand": ("right", "l"),
    "collapse_all": ("c",),
    "panel_up": ("shift+up", "K"),
    "panel_down": ("shift+down", "J"),
    "attention": ("w",),
    "next_waiting": ("W",),
    "sort": ("s",),
    "filter": ("f",),
    "mark": ("m",),
    "reply": ("p",),
    "browser": ("o",),
    "delete_session": ("D",),
    "start_server": ("S",),
    "copy_id": ("y",),
    "copy_attach": ("Y",),
    "help": ("question_mark",),
}


@dataclass(frozen=True, slots=True)
class Preferences:
    """All of it."""

    polling: Polling = Polling()
    cache: Cache = Cache()
    display: Display = Display()
    hosts: Hosts = field(default_factory=Hosts)
    ssh: Ssh = Ssh()
    sessions: Sessions = Sessions()
    keybindings: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(KEYS))
