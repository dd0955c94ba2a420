"""Which of the router's names a Host header is (RFC 9112 section 3.2, RFC 6761, RFC 6762)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from opencoderouter.core.grant import is_loopback

ROUTER = "ocr"  # reserved: no project has this slug
DEFAULT_PORTS = {"http": "80", "https": "443"}
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]|[A-Za-z0-9._-]+)(?::([0-9]{0,5}))?")
_LAST_PORT = 65535
_LONGEST = 255 + len(":65535")  # octets of a name in the DNS (RFC 1035 section 3.1), and a port
_REMEMBERED = 1024  # Host fields; most requests repeat one


@dataclass(frozen=True, slots=True)
class Authority:
    """A Host header taken apart.

    ``host`` is in lower case, without brackets and trailing dot; ``port`` has no leading zeros.
    """

    host: str
    port: str = ""

    @property
    def suffix(self) -> str:
        """Return ``:port``, or nothing when the client named none."""
        return f":{self.port}" if self.port else ""


@dataclass(frozen=True, slots=True)
class Names:
    """The names this router goes by. ``owner`` is a DNS label; all are in lower case.

    ``machine`` are those of the router itself. Below each of ``domains`` a project is reached by
    its slug. Pages of ``origins`` may send requests here. ``labels`` are slugs with their host
    label on the network where that is not ``{slug}-{owner}``; the router itself has the slug
    ``ocr``. Labels stand in ``.local`` and, where there is one, in the ``zone`` of the DNS server.
    """

    owner: str
    machine: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    labels: frozenset[tuple[str, str]] = frozenset()
    zone: str = ""

    def label(self, slug: str) -> str:
        """Return the host label of a project on the network."""
        own = (label for other, label in self.labels if other == slug)
        return next(own, f"{slug}-{self.owner}")

    def local(self, slug: str) -> str:
        """Return the name of a project on the network."""
        return f"{self.label(slug)}.local"

    def relabeled(self, labels: Mapping[str, str]) -> Names:
        """Return the names with these host labels, too, by slug."""
        if not labels:
            return self
        return replace(self, labels=frozenset((dict(self.labels) | dict(labels)).items()))

    def beside(self, slug: str, host: str) -> str:
        """Return the name of a project for who has come by ``host``, one of the router's own.

        Below that where projects are reached so: then its resolver knows the name.
        """
        if host == "localhost":
            return f"{slug}.localhost"
        if host in self.domains:
            return f"{slug}.{host}"
        in_zone = self.zone and host.endswith(f".{self.zone}")
        return f"{self.label(slug)}.{self.zone}" if in_zone else self.local(slug)


@dataclass(frozen=True, slots=True)
class Own:
    """The router itself. ``literal`` when it was called by IP address."""

    literal: bool = False


@dataclass(frozen=True, slots=True)
class OfProject:
    """A project's own name; ``slugs`` are the slugs it may mean, the likelier first."""

    slugs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name that is not ours: DNS rebinding, 0.0.0.0, or one the router should be told about."""


def parse_authority(text: str) -> Authority | None:
    """Return the parts of ``host[:port]``, or None when it is not well-formed."""
    return _parse_authority(text) if len(text) <= _LONGEST else None


@lru_cache(_REMEMBERED)
def _parse_authority(text: str) -> Authority | None:
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    name, port = match[1], int(match[2] or 0)
    host = name.strip("[]").removesuffix(".").lower()
    if not host or port > _LAST_PORT or (name.startswith("[") and not is_literal(host)):
        return None
    return Authority(host, str(port) if match[2] else "")


def is_near(host: str) -> bool:
    """Tell whether ``host`` always means the machine of whoever says it (RFC 6761 section 6.3)."""
    return host == "localhost" or host.endswith(".localhost") or is_loopback(host)


def is_literal(host: str) -> bool:
    """Tell whether ``host`` is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_unspecified(host: str) -> bool:
    """Tell whether ``host`` is no machine's address, also as IPv6 writes that of IPv4.

    Systems connect it to loopback, but browsers do not count it as local (no Fetch Metadata).
    """
    address = ipaddress.ip_address(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_unspecified


@lru_cache(_REMEMBERED)
def classify(host: str, names: Names) -> Own | OfProject | Unknown:
    """Return what ``host`` (lower case, no port) names.

    The machine's own names come first, so that no project can take the router away.
    """
    if is_literal(host):
        return Unknown() if _is_unspecified(host) else Own(literal=True)
    if host == "localhost" or host in names.machine:
        return Own()
    tail = f"-{names.owner}"
    label, _, domain = host.partition(".")
    if domain and domain in {"local", names.zone} and (found := _announced(label, names)):
        return found
    if label and domain in names.domains:
        return OfProject((label,))
    if host.endswith(".localhost"):
        label = host.removesuffix(".localhost")
        return OfProject(tuple(dict.fromkeys((label, label.removesuffix(tail) or label))))
    return Unknown()


def _announced(label: str, names: Names) -> Own | OfProject | None:
    """Return what a host label on the network names.

    A project answers to its usual label, too, when another machine has that: who calls it here
    means the project here.
    """
    tail = f"-{names.owner}"
    slug = next((slug for slug, own in names.labels if own == label), None)
    if slug is None and label.endswith(tail):
        slug = label.removesuffix(tail)
    if not slug:
        return None
    return Own() if slug == ROUTER else OfProject((slug,))
