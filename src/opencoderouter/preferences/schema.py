"""Every option of ``remote-tui.yaml``: its type, its bounds, and one line about it.

The defaults are those of ``core.fleet.preferences``. Values arrive as text, as they are written.
"""

from __future__ import annotations

import os
import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model

from opencoderouter.core.duration import parse_duration
from opencoderouter.core.fleet import preferences as core
from opencoderouter.core.fleet.keys import ACTIONS
from opencoderouter.preferences.keys import RESERVED, parse_key

THEMES = (  # ours, then Textual's
    *("auto", "nightops", "light", "minimal"),
    *("textual-dark", "textual-light", "ansi-dark", "ansi-light"),
    *("atom-one-dark", "atom-one-light", "catppuccin-frappe", "catppuccin-latte"),
    *("catppuccin-macchiato", "catppuccin-mocha", "dracula", "flexoki", "gruvbox", "monokai"),
    *("nord", "rose-pine", "rose-pine-dawn", "rose-pine-moon", "solarized-dark"),
    *("solarized-light", "tokyo-night"),
)
UNUSED = {"keybindings.detach": "not needed: a session ends with its own program's keys"}
_YEAR = 366 * 86_400.0
_MONTH = 31 * 86_400.0
_LONGEST = 1000  # characters of a text
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_SWITCH = "true or false"
_GLOBS = "a list of patterns such as prod-*"
_PLACES = "a list of directories, such as [~, /srv]"
T = TypeVar("T")


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        return value
    return float(value) if _SECONDS.fullmatch(value) else parse_duration(value)


def _words(value: str) -> str:
    if not value.isprintable() or len(value) > _LONGEST:
        raise ValueError(value)
    return value


def _no_option(value: str) -> str:
    if value.startswith("-"):
        raise ValueError(value)
    return value


def _some(value: str) -> str:
    if not value:
        raise ValueError(value)
    return value


def _place(value: str) -> str:
    if not value.startswith(("/", "~")):
        raise ValueError(value)
    return value


def _theme(value: str) -> str:
    if value not in THEMES:
        raise ValueError(value)
    return value


def _key(value: str) -> str:
    key = parse_key(value)
    if key in RESERVED:
        raise ValueError(value)
    return key


def _listed(value: object) -> object:
    """Let one be a list of one."""
    return [value] if isinstance(value, str) else value


Duration = Annotated[float, BeforeValidator(_seconds)]
Text = Annotated[str, AfterValidator(_words)]
Word = Annotated[Text, AfterValidator(_some), AfterValidator(_no_option)]
Place = Annotated[Text, AfterValidator(_place)]
Theme = Annotated[str, AfterValidator(_theme)]
Key = Annotated[str, AfterValidator(_key)]
Several = Annotated[tuple[T, ...], BeforeValidator(_listed)]


def _option(default: object, words: str, allowed: str, **bounds: Any) -> Any:  # noqa: ANN401 - as Field
    return Field(
        default_factory=lambda: default,
        description=words,
        json_schema_extra={"allowed": allowed},
        **bounds,
    )


class Section(BaseModel):
    """Options that stand below one name."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_POLLING, _CACHE, _DISPLAY = core.Polling(), core.Cache(), core.Display()
_HOSTS, _SSH, _SESSIONS, _HOST = core.Hosts(), core.Ssh(), core.Sessions(), core.Override()


class Polling(Section):
    """When hosts are asked."""

    interval: Duration = _option(
        _POLLING.interval, "How often every host is asked.", "1s to 31d", ge=1, le=_MONTH
    )
    timeout: Duration = _option(
        _POLLING.timeout, "Time for one host, whatever it does.", "100ms to 1h", ge=0.1, le=3600
    )
    jitter: Duration = _option(
        _POLLING.jitter,
        "Ask up to so much later, so that not all are asked at once.",
        "0s to 31d",
        ge=0,
        le=_MONTH,
    )
    max_parallel: int = _option(
        _POLLING.max_parallel, "Hosts that are asked at the same time.", "1 to 1000", ge=1, le=1000
    )


class Cache(Section):
    """What a new start shows at once."""

    ttl: Duration = _option(
        _CACHE.ttl,
        "Answers of an earlier run that are younger are not asked for again.",
        "1s to 31d",
        ge=1,
        le=_MONTH,
    )
    persist: bool = _option(_CACHE.persist, "Keep the last answers on disk (0600).", _SWITCH)


class Display(Section):
    """How the screen looks."""

    theme: Theme = _option(
        _DISPLAY.theme, "auto, nightops, light, minimal, or one of Textual's.", ", ".join(THEMES)
    )
    unicode: bool = _option(_DISPLAY.unicode, "false: ASCII only.", _SWITCH)
    animation: bool = _option(_DISPLAY.animation, "Spinners and countdowns.", _SWITCH)
    active_threshold: Duration = _option(
        _DISPLAY.active_threshold,
        "Sessions that changed within this are ACTIVE.",
        "1s to 366d",
        ge=1,
        le=_YEAR,
    )
    idle_threshold: Duration = _option(
        _DISPLAY.idle_threshold,
        "Older ones are COLD (dim); between the two: IDLE.",
        "1s to 366d",
        ge=1,
        le=_YEAR,
    )


class Override(Section):
    """What is special about one host."""

    label: Text = _option(_HOST.label, "What the screen calls it.", "a text")
    priority: int | None = _option(_HOST.priority, "Lower is higher in the list.", "a whole number")
    opencode_path: Annotated[Text, AfterValidator(_no_option)] = _option(
        _HOST.opencode_path, "The OpenCode program there.", "a path"
    )
    scan_paths: Several[Place] = _option(
        _HOST.scan_paths, "Instead of sessions.scan_paths.", _PLACES
    )


class Hosts(Section):
    """Which hosts of the SSH configuration are shown."""

    include: Several[Word] = _option(
        _HOSTS.include, "Hosts of the SSH configuration to show.", _GLOBS, min_length=1
    )
    ignore: Several[Word] = _option(_HOSTS.ignore, "Hosts to leave out.", _GLOBS)
    local: bool = _option(_HOSTS.local, "Show this machine, too.", _SWITCH)
    groups: dict[Text, Several[Word]] = _option(
        _HOSTS.groups, "Groups in the tree: NAME: [PATTERN, ...].", _GLOBS
    )
    overrides: dict[Word, Override] = _option(
        _HOSTS.overrides,
        "What is special about one host, by its alias.",
        "options of a host",
    )


class Ssh(Section):
    """How hosts are reached."""

    transport: core.Transport = _option(
        _SSH.transport,
        "auto: Fabric, and ssh for what Fabric cannot do; fabric; openssh.",
        "auto, fabric or openssh",
    )
    config: Annotated[Text, AfterValidator(os.path.expanduser)] = _option(
        _SSH.config, "Another file than ssh's own (ssh -F).", "a file"
    )
    control_master: Literal["auto", "yes", "no"] = _option(
        _SSH.control_master, "Whether connections of ssh are kept and shared.", "auto, yes or no"
    )
    control_persist: Duration = _option(
        _SSH.control_persist,
        "How long a connection is kept after its last use (seconds).",
        "1s to 31d",
        ge=1,
        le=_MONTH,
    )
    control_path: Place = _option(
        _SSH.control_path,
        "Where ssh keeps the socket of a shared connection.",
        "a path; %n, %C and the like as in ssh_config",
    )
    batch_mode: bool = _option(
        _SSH.batch_mode, "Never ask for a password while hosts are asked.", _SWITCH
    )
    connect_timeout: Duration = _option(
        _SSH.connect_timeout, "Time to connect (seconds).", "100ms to 1h", ge=0.1, le=3600
    )


class Sessions(Section):
    """Which sessions are shown."""

    sort_by: core.SortBy = _option(
        _SESSIONS.sort_by, "last_activity, name or host.", "last_activity, name or host"
    )
    show_archived: bool = _option(_SESSIONS.show_archived, "Show archived sessions, too.", _SWITCH)
    max_display: int = _option(
        _SESSIONS.max_display,
        "Sessions of one project, the newest.",
        "1 to 100000",
        ge=1,
        le=100_000,
    )
    enrich_from_db: bool = _option(
        _SESSIONS.enrich_from_db,
        "Read message counts, agents and cost from OpenCode's database.",
        _SWITCH,
    )
    scan_paths: Several[Place] = _option(
        _SESSIONS.scan_paths, "Where projects are, for hosts whose OpenCode cannot tell.", _PLACES
    )


_NAMES = "a key such as x, X, /, space, f2, ctrl+r, or a list of them; not escape nor ctrl+c"
Keybindings: type[Section] = create_model(
    "Keybindings",
    __base__=Section,
    **{  # type: ignore[call-overload]
        action: (Several[Key], _option(keys, f"{ACTIONS[action][1]}.", _NAMES))
        for action, keys in core.KEYS.items()
    },
)


class File(Section):
    """All of it."""

    polling: Polling = _option(
        Polling(),
        "When hosts are asked. Durations: 800ms, 30s, 10m, 24h.",
        "options by their names",
    )
    cache: Cache = _option(Cache(), "What a new start shows at once.", "options by their names")
    display: Display = _option(Display(), "How the screen looks.", "options by their names")
    hosts: Hosts = _option(
        Hosts(),
        "Which hosts are shown. Patterns: * ? [abc], as a shell has them.",
        "options by their names",
    )
    ssh: Ssh = _option(Ssh(), "How hosts are reached.", "options by their names")
    sessions: Sessions = _option(Sessions(), "Which sessions are shown.", "options by their names")
    keybindings: Keybindings = _option(
        Keybindings(), "Keys: one, a list, or [] for none.", "actions by their names"
    )
