"""Settings of the router: flag > environment ``OCR_*`` > config file > default.

They are read once, at the top, and arrive below as plain values.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from anyascii import anyascii
from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from opencoderouter.access.keys import Sources
from opencoderouter.core.slug import slugify
from opencoderouter.fields import (
    Addresses,
    Backends,
    Directory,
    Duration,
    Hosts,
    Interfaces,
    Networks,
    Origins,
    Password,
    Places,
    Size,
    Target,
    Zone,
    duration,
    option,
    whole,
)
from opencoderouter.proxy.lane.limits import Limits


class SettingsError(ValueError):
    """A setting that cannot be used. The message is one line: where, what, what is allowed."""


def config_path() -> Path:
    """Return the config file: ``$OCR_CONFIG``, else in the XDG configuration directory."""
    if chosen := os.environ.get("OCR_CONFIG"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CONFIG_HOME") or _home() / ".config"
    return Path(base) / "opencoderouter" / "config.toml"


def _home() -> Path:
    """Return the home directory; where nobody knows one (in a container), none that is there."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")


def _user() -> str:
    try:
        return getpass.getuser()[:_OWNER]
    except (KeyError, OSError):  # a uid without an entry, as in containers
        return f"uid-{os.getuid()}"


def _state_path() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or _home() / ".local/state"
    return Path(base) / "opencoderouter"


_OWNER = 32  # octets of the owner in a host label, half of what there is
_PORTS = "1 to 65535"
_SWITCH = "true or false"
_SECRET = {"password", "backend"}  # their values are not shown
_PASSWORD = "OCR_PASSWORD"  # noqa: S105 - a name
_OTHERS = 0o077
_LEVELS = "debug, info, warning or error"
_LIMITS = Limits()
DURATIONS = frozenset(
    """scan_interval probe_timeout stale_after grace header_timeout keepalive_timeout""".split()
)


class Settings(BaseSettings):
    """Every option of ``ocr-router serve``; durations in seconds."""

    model_config = SettingsConfigDict(env_prefix="OCR_", env_ignore_empty=True, extra="forbid")
    file: ClassVar[Path | None] = None

    port: int = option(8080, _PORTS, ge=1, le=65535)
    # The network is what the product is for; `auth` guards it.
    hostname: str = option("0.0.0.0", "an address or a host name", min_length=1)  # noqa: S104
    username: str = option(_user, "1 to 32 characters", min_length=1, max_length=_OWNER)
    auth: Literal["auto", "always", "off"] = option("auto", "auto, always or off")
    password: Password | None = option(None, "8 characters or more")
    password_file: Directory | None = option(None, "a file")
    tls_cert: Directory | None = option(None, "a file")
    tls_key: Directory | None = option(None, "a file")
    allow_host: Hosts = option((), "a host name, or *.NAME for the hosts of projects")
    allow_origin: Origins = option((), "SCHEME://HOST[:PORT]")
    backend: Backends = option((), "NAME=http://[USER:PASSWORD@]HOST:PORT, NAME of a-z, 0-9 and -")
    scan_start: int = option(30000, _PORTS, ge=1, le=65535)
    scan_end: int = option(31000, _PORTS, ge=1, le=65535)
    scan_interval: Duration = duration(5.0, "1s")
    scan_concurrency: int = option(20, "1 to 1000", ge=1, le=1000)
    probe_timeout: Duration = duration(0.8, "50ms")
    stale_after: Duration = duration(30.0, "1s")
    adopt_unowned: bool = option(default=False, allowed=_SWITCH)
    mdns: bool = option(default=True, allowed=_SWITCH)
    mdns_txt: Literal["full", "minimal"] | None = option(None, "full or minimal")
    mdns_interface: Interfaces = option((), "a network interface, or !NAME for one to leave out")
    dns: Places = option((), "ADDRESS:PORT, an IPv6 address in brackets")
    dns_zone: Zone | None = option(None, "a domain such as dev.example.test, not .local")
    dns_forward: Addresses = option((), "the address of a DNS server")
    dns_allow: Networks = option((), "a network such as 192.0.2.0/24")
    dns_claim_local: bool = option(default=False, allowed=_SWITCH)
    fleet: bool = option(default=False, allowed=_SWITCH)
    opencode: str = option("opencode", "a program", min_length=1)
    grace: Duration = duration(5.0, "0s")
    log_format: Literal["text", "json"] = option("text", "text or json")
    log_level: Literal["debug", "info", "warning", "error"] = option("info", _LEVELS)
    access_log: Target = option("off", "off, - (stderr) or a file", min_length=1)
    access_log_format: Literal["common", "json"] = option("common", "common or json")
    log_size: Size = option(50_000_000, "1MB to 1000GB", ge=10**6, le=10**12)
    workers: int = whole(1, 1, 64)
    max_connections: int = whole(_LIMITS.connections, 1, 1_000_000)
    max_connections_per_address: int = whole(_LIMITS.per_address, 1, 65535)
    max_unauthenticated: int = whole(_LIMITS.unauthenticated, 1, 65535)
    api_rate: int = whole(50, 1, 1_000_000)
    max_websockets: int = whole(_LIMITS.websockets, 0, 1_000_000)
    max_request_line: int = whole(_LIMITS.request_line, 1024, 1 << 20, " octets")
    max_header_size: int = whole(_LIMITS.header_size, 1024, 1 << 20, " octets")
    max_header_fields: int = whole(_LIMITS.header_fields, 16, 10_000)
    header_timeout: Duration = duration(_LIMITS.header_timeout, "100ms")
    keepalive_timeout: Duration = duration(_LIMITS.keepalive_timeout, "1s")
    state_dir: Directory = option(_state_path, "a directory")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the file below the environment, and nothing else anywhere."""
        del dotenv_settings, file_secret_settings
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, cls.file))

    @property
    def owner(self) -> str:
        """Return the user name as it stands in host names."""
        return slugify(anyascii(self.username))[:_OWNER].strip("-")

    @property
    def ports(self) -> range:
        """Return the port range that is scanned and that managed servers get."""
        return range(self.scan_start, self.scan_end + 1)

    @property
    def sources(self) -> Sources:
        """Return where the password, the tokens and the sessions are."""
        return Sources(
            state_dir=self.state_dir,
            auth=self.auth,
            password=self.password.get_secret_value() if self.password else None,
            password_file=self.password_file,
            secure=self.tls is not None,
            port=self.port,
        )

    @property
    def password_from(self) -> str | None:
        """Return where the user's own password stands; None when one is drawn."""
        if self.password is None:
            return str(self.password_file) if self.password_file else None
        return _PASSWORD if os.environ.get(_PASSWORD) else str(self.file)

    @property
    def txt(self) -> Literal["full", "minimal"]:
        """Return how much of a project is told on the network."""
        return self.mdns_txt or ("full" if self.auth == "off" else "minimal")

    @property
    def scheme(self) -> str:
        """Return how the router is reached: ``http`` or ``https``."""
        return "https" if self.tls_cert else "http"

    @property
    def tls(self) -> tuple[Path, Path] | None:
        """Return the files of the certificate and of its key, where clients are served by HTTPS."""
        cert, key = self.tls_cert, self.tls_key
        return (cert, key) if cert and key else None

    @property
    def limits(self) -> Limits:
        """Return what the lane takes before it refuses."""
        return Limits(
            connections=self.max_connections,
            per_address=self.max_connections_per_address,
            unauthenticated=self.max_unauthenticated,
            websockets=self.max_websockets,
            request_line=self.max_request_line,
            header_size=self.max_header_size,
            header_fields=self.max_header_fields,
            header_timeout=self.header_timeout,
            keepalive_timeout=self.keepalive_timeout,
        )


def load(flags: Mapping[str, object]) -> tuple[Settings, dict[str, str]]:
    """Return the settings, and for each whether it is a flag, environment, file or default.

    ``flags`` that are None were not given. Raises SettingsError for the first value that cannot
    be used.
    """
    path = config_path()
    if os.environ.get("OCR_CONFIG") and not path.is_file():
        raise SettingsError(f"OCR_CONFIG={path}: there is no such file")
    if (
        os.environ.get(_PASSWORD) == ""
    ):  # what was to fill it has failed: drawing one would hide that
        raise SettingsError(f"{_PASSWORD}: is empty; unset it, or give it 8 characters or more")
    given: dict[str, Any] = {k: v for k, v in flags.items() if v is not None and v != []}
    bound: type[Settings] = type(
        "Settings", (Settings,), {"file": path if path.is_file() else None}
    )
    layers = _layers(bound, given, path)
    origin = {name: layer for layer, values in layers.items() for name in values}
    raw = {name: value for values in layers.values() for name, value in values.items()}
    try:
        settings = bound(**given)
    except ValidationError as error:
        order = [*bound.model_fields, *raw]
        name = min((str(item["loc"][0]) for item in error.errors()), key=order.index)
        place = origin.get(name, "default")
        raise SettingsError(_explain(name, raw.get(name, ""), place, path)) from None
    _see_together(settings, origin, path)
    return settings, {name: origin.get(name, "default") for name in bound.model_fields}


def _see_together(settings: Settings, origin: Mapping[str, str], path: Path) -> None:
    """Refuse what is good by itself only."""

    def place(name: str) -> str:
        return _place(name, getattr(settings, name), origin.get(name, "default"), path)

    if settings.scan_end < settings.scan_start:
        least = settings.scan_start
        raise SettingsError(f"{place('scan_end')}: must be {least} (--scan-start) to 65535")
    if origin.get("password") == "file" and path.stat().st_mode & _OTHERS:
        raise SettingsError(f"{place('password')}: others can read the file; `chmod 600` ends that")


def _layers(
    bound: type[Settings], given: Mapping[str, object], path: Path
) -> dict[str, Mapping[str, object]]:
    """Return what each source says, the weakest first."""
    try:
        file = TomlConfigSettingsSource(bound, bound.file)()
    except (ValueError, OSError) as error:
        raise SettingsError(f"{path}: {error}") from None
    return {"file": file, "environment": EnvSettingsSource(bound)(), "flag": given}


def _explain(name: str, value: object, origin: str, path: Path) -> str:
    place = _place(name, value, origin, path)
    field = Settings.model_fields.get(name)
    if field is None:  # its value may be a password with a typing error in its name
        return f"{path}: {name}: there is no such setting (`ocr-router config` lists all)"
    extra = field.json_schema_extra
    assert isinstance(extra, dict)  # noqa: S101 - option() put it there
    return f"{place}: must be {extra['allowed']}"


def _place(name: str, value: object, origin: str, path: Path) -> str:
    if name in _SECRET:
        flag = f"--{name}" if origin == "flag" else f"OCR_{name.upper()}"
        return f"{path}: {name}" if origin == "file" else flag
    if origin == "flag":
        shown = ",".join(value) if isinstance(value, list) else value
        return f"--{name.replace('_', '-')} {shown}"
    if origin == "environment":
        return f"OCR_{name.upper()}={value}"
    if origin == "file":
        return f"{path}: {name} = {value!r}"
    return f"--{name.replace('_', '-')} {value} (default)"
