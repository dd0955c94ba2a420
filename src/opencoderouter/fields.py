"""What a setting can be, and how it is written."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
)
from pydantic_settings import NoDecode

from opencoderouter.access.secrets import SHORTEST
from opencoderouter.core.duration import parse_duration
from opencoderouter.core.hosts import DEFAULT_PORTS, is_literal, parse_authority
from opencoderouter.core.named import Named, parse_backend
from opencoderouter.core.slug import HOST_LABEL

_NAME = re.compile(rf"(?:\*\.)?{HOST_LABEL.pattern}(?:\.{HOST_LABEL.pattern})*")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_ZONE = re.compile(r"[A-Za-z0-9._:-]{1,32}")
_INTERFACES = re.compile(r"!?[^\s/!,]{1,32}")  # names of interfaces, with * and ?
_IPV6, _LAST_PORT = 6, 65535
_SIZE = re.compile(r"([0-9]{1,9})(MB|GB)", re.IGNORECASE)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_UNITS = {"MB": 10**6, "GB": 10**9}


def option(default: Any, allowed: str, **limits: Any) -> Any:  # noqa: ANN401 - as Field()
    """Return a field with what its values may be, in words for the user."""
    factory = {"default_factory" if callable(default) else "default": default}
    return Field(**factory, json_schema_extra={"allowed": allowed}, **limits)


def duration(default: float, at_least: str) -> Any:  # noqa: ANN401 - as Field()
    """Return a field of type Duration, a day at most."""
    allowed = f"a duration such as 800ms, 5s or 1m30s, {at_least} to 24h"
    return option(default, allowed, ge=parse_duration(at_least), le=86400)


def whole(default: int, least: int, most: int, unit: str = "") -> Any:  # noqa: ANN401 - as Field()
    """Return a field of type int."""
    return option(default, f"{least} to {most}{unit}", ge=least, le=most)


def _seconds(value: object) -> float:
    return value if isinstance(value, float) else parse_duration(str(value))


def _octets(value: object) -> int:
    if isinstance(value, int):
        return value
    match = _SIZE.fullmatch(str(value))
    if match is None:
        raise ValueError(value)
    return int(match[1]) * _UNITS[match[2].upper()]


def format_size(octets: int) -> str:
    """Return a size as it is written in settings: ``50MB``."""
    return f"{octets // _UNITS['MB']}MB"


def _target(value: str) -> str:
    """Refuse what was meant as a switch, not as a file."""
    if value in {"on", "true", "yes", "1", "stderr", "stdout"} or (
        value[1:2].strip() and value[0] == "-"
    ):
        raise ValueError(value)
    return os.path.expanduser(value)  # noqa: PTH111 - `-` is no path


def _several(value: object) -> object:
    """Take a text apart at its commas; a file and flags have lists."""
    if isinstance(value, str):
        return [part for word in value.split(",") if (part := word.strip())]
    return value


def _host(value: str) -> str:
    name = value.lower().removesuffix(".")
    if _NAME.fullmatch(name) is None or is_literal(name):
        raise ValueError(value)
    return name


def _origin(value: str) -> str:
    """Return an origin as browsers send it (RFC 6454 section 6.2)."""
    parts = urlsplit(value.lower())
    authority = parse_authority(parts.netloc)
    if authority is None or not _SCHEME.fullmatch(parts.scheme):
        raise ValueError(value)
    host = f"[{authority.host}]" if ":" in authority.host else authority.host
    if value.lower().rstrip("/") != f"{parts.scheme}://{parts.netloc}" or not host:
        raise ValueError(value)
    suffix = "" if authority.port == DEFAULT_PORTS.get(parts.scheme) else authority.suffix
    return f"{parts.scheme}://{host}{suffix}"


def _zone(value: str) -> str:
    """Return an ordinary domain: ``.local`` and ``.localhost`` have rules of their own."""
    name = _host(value)
    if name.startswith("*.") or name.rpartition(".")[2] in {"local", "localhost"}:
        raise ValueError(value)
    return name


def _numeric(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an address; its zone is a name of an interface, not anything as Python has it."""
    address = ipaddress.ip_address(text)
    if "%" in text and _ZONE.fullmatch(text.partition("%")[2]) is None:
        raise ValueError(text)
    return address


def listening(value: object) -> tuple[str, int]:
    """Return address and port of ``ADDR:PORT``; an IPv6 address stands in brackets.

    Raises ValueError.
    """
    host, mark, port = str(value).rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    address = _numeric(bare)
    if not mark or (address.version == _IPV6) != (host != bare) or not port.isascii():
        raise ValueError(value)
    number = int(port)
    if not 1 <= number <= _LAST_PORT:
        raise ValueError(value)
    return str(address), number


def format_listening(at: tuple[str, int]) -> str:
    """Return ``ADDR:PORT`` as it is written in settings."""
    host, port = at
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address(value: object) -> str:
    return str(_numeric(str(value)))


def _network(value: object) -> Network:
    return ipaddress.ip_network(str(value))


def _pattern(value: str) -> str:
    if _INTERFACES.fullmatch(value) is None:
        raise ValueError(value)
    return value


def _backend(value: object) -> Named:
    return parse_backend(str(value))


def _expanded(path: Path) -> Path:
    return Path(os.path.expanduser(path))  # noqa: PTH111 - this one never raises, without a home


Directory = Annotated[Path, AfterValidator(_expanded)]
Target = Annotated[str, AfterValidator(_target)]
Duration = Annotated[float, BeforeValidator(_seconds)]
Size = Annotated[int, BeforeValidator(_octets)]
Password = Annotated[SecretStr, Field(min_length=SHORTEST)]
Hosts = Annotated[
    tuple[Annotated[str, AfterValidator(_host)], ...], NoDecode, BeforeValidator(_several)
]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_several)
]
_Backend = Annotated[
    Named,
    PlainValidator(_backend),
    PlainSerializer(lambda server: server.shown, return_type=str),
]
Backends = Annotated[tuple[_Backend, ...], NoDecode, BeforeValidator(_several)]
Zone = Annotated[str, AfterValidator(_zone)]
_Place = Annotated[
    tuple[str, int],
    PlainValidator(listening),
    PlainSerializer(format_listening, return_type=str),
]
Places = Annotated[tuple[_Place, ...], NoDecode, BeforeValidator(_several)]
Addresses = Annotated[
    tuple[Annotated[str, PlainValidator(_address)], ...], NoDecode, BeforeValidator(_several)
]
_Allowed = Annotated[Network, PlainValidator(_network), PlainSerializer(str, return_type=str)]
Networks = Annotated[tuple[_Allowed, ...], NoDecode, BeforeValidator(_several)]
Interfaces = Annotated[
    tuple[Annotated[str, AfterValidator(_pattern)], ...], NoDecode, BeforeValidator(_several)
]
