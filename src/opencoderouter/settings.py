"""Settings of the router: flag > environment ``OCR_*`` > config file > default.

They are read once, at the top, and arrive below as plain values.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from anyascii import anyascii
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from opencoderouter.core.duration import parse_duration
from opencoderouter.core.slug import slugify
from opencoderouter.proxy.lane.limits import Limits


class SettingsError(ValueError):
    """A setting that cannot be used. The message is one line: where, what, what is allowed."""


def _seconds(value: object) -> float:
    return value if isinstance(value, float) else parse_duration(str(value))


def _target(value: str) -> str:
    """Refuse what was meant as a switch, not as a file."""
    if value in {"on", "true", "yes", "1", "stderr", "stdout"} or (
        value[1:2].strip() and value[0] == "-"
    ):
        raise ValueError(value)
    return os.path.expanduser(value)  # noqa: PTH111 - `-` is no path


def _option(default: Any, allowed: str, **limits: Any) -> Any:  # noqa: ANN401 - as Field()
    factory = {"default_factory" if callable(default) else "default": default}
    return Field(**factory, json_schema_extra={"allowed": allowed}, **limits)


def _duration(default: float, at_least: str) -> Any:  # noqa: ANN401 - as Field()
    allowed = f"a duration such as 800ms, 5s or 1m30s, {at_least} to 24h"
    return _option(default, allowed, ge=parse_duration(at_least), le=86400)


def _whole(default: int, least: int, most: int, unit: str = "") -> Any:  # noqa: ANN401 - as Field()
    return _option(default, f"{least} to {most}{unit}", ge=least, le=most)


def config_path() -> Path:
    """Return the config file: ``$OCR_CONFIG``, else in the XDG configuration directory."""
    if chosen := os.environ.get("OCR_CONFIG"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    return Path(base) / "opencoderouter" / "config.toml"


def _user() -> str:
    try:
        return getpass.getuser()[:_OWNER]
    except (KeyError, OSError):  # a uid without an entry, as in containers
        return f"uid-{os.getuid()}"


def _state_path() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return Path(base) / "opencoderouter"


Directory = Annotated[Path, AfterValidator(Path.expanduser)]
Target = Annotated[str, AfterValidator(_target)]
Duration = Annotated[float, BeforeValidator(_seconds)]
_OWNER = 32  # octets of the owner in a host label, half of what there is
_PORTS = "1 to 65535"
_SWITCH = "true or false"
_LEVELS = "debug, info, warning or error"
_LIMITS = Limits()
DURATIONS = frozenset(
    """scan_interval probe_timeout stale_after grace header_timeout keepalive_timeout""".split()
)


class Settings(BaseSettings):
    """Every option of ``ocr-router serve``; durations in seconds."""

    model_config = SettingsConfigDict(env_prefix="OCR_", env_ignore_empty=True, extra="forbid")
    file: ClassVar[Path | None] = None

    port: int = _option(8080, _PORTS, ge=1, le=65535)
    # The network is what the product is for; `auth` guards it.
    hostname: str = _option("0.0.0.0", "an address or a host name", min_length=1)  # noqa: S104
    username: str = _option(_user, "1 to 32 characters", min_length=1, max_length=_OWNER)
    auth: Literal["auto", "off"] = _option("auto", "auto or off")
    scan_start: int = _option(30000, _PORTS, ge=1, le=65535)
    scan_end: int = _option(31000, _PORTS, ge=1, le=65535)
    scan_interval: Duration = _duration(5.0, "1s")
    scan_concurrency: int = _option(20, "1 to 1000", ge=1, le=1000)
    probe_timeout: Duration = _duration(0.8, "50ms")
    stale_after: Duration = _duration(30.0, "1s")
    adopt_unowned: bool = _option(default=False, allowed=_SWITCH)
    mdns: bool = _option(default=True, allowed=_SWITCH)
    opencode: str = _option("opencode", "a program", min_length=1)
    grace: Duration = _duration(5.0, "0s")
    log_format: Literal["text", "json"] = _option("text", "text or json")
    log_level: Literal["debug", "info", "warning", "error"] = _option("info", _LEVELS)
    access_log: Target = _option("off", "off, - (stderr) or a file", min_length=1)
    access_log_format: Literal["common", "json"] = _option("common", "common or json")
    workers: int = _whole(1, 1, 64)
    max_connections: int = _whole(_LIMITS.connections, 1, 1_000_000)
    max_connections_per_address: int = _whole(_LIMITS.per_address, 1, 65535)
    max_websockets: int = _whole(_LIMITS.websockets, 0, 1_000_000)
    max_request_line: int = _whole(_LIMITS.request_line, 1024, 1 << 20, " octets")
    max_header_size: int = _whole(_LIMITS.header_size, 1024, 1 << 20, " octets")
    max_header_fields: int = _whole(_LIMITS.header_fields, 16, 10_000)
    header_timeout: Duration = _duration(_LIMITS.header_timeout, "100ms")
    keepalive_timeout: Duration = _duration(_LIMITS.keepalive_timeout, "1s")
    state_dir: Directory = _option(_state_path, "a directory")

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
    def limits(self) -> Limits:
        """Return what the lane takes before it refuses."""
        return Limits(
            connections=self.max_connections,
            per_address=self.max_connections_per_address,
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
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
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
    if settings.scan_end < settings.scan_start:
        place = _place("scan_end", settings.scan_end, origin.get("scan_end", "default"), path)
        raise SettingsError(f"{place}: must be {settings.scan_start} (--scan-start) to 65535")
    return settings, {name: origin.get(name, "default") for name in bound.model_fields}


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
    if field is None:
        return f"{place}: there is no such setting (`ocr-router config` lists all)"
    extra = field.json_schema_extra
    assert isinstance(extra, dict)  # noqa: S101 - _option() put it there
    return f"{place}: must be {extra['allowed']}"


def _place(name: str, value: object, origin: str, path: Path) -> str:
    if origin == "flag":
        return f"--{name.replace('_', '-')} {value}"
    if origin == "environment":
        return f"OCR_{name.upper()}={value}"
    if origin == "file":
        return f"{path}: {name} = {value!r}"
    return f"--{name.replace('_', '-')} {value} (default)"
