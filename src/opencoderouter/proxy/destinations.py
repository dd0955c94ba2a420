"""Where a request may be led: to a path of this host, or to another of the router's names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from opencoderouter.core.hosts import (
    DEFAULT_PORTS,
    Authority,
    Names,
    OfProject,
    Own,
    classify,
    is_near,
    parse_authority,
)

# In visible ASCII, as browsers send it: a browser reads a tab as nothing, and `\` as `/`.
_LOCAL = re.compile(r"/(?!/)[!-\[\]-~]*")


@dataclass(frozen=True, slots=True)
class Place:
    """A path of another host; ``origin`` is how that host is reached."""

    host: str
    origin: str
    path: str


def local(target: str) -> str:
    """Return a path and query of this host as it is; ``/`` for what could lead elsewhere."""
    return target if _LOCAL.fullmatch(target) else "/"


def elsewhere(link: str, scheme: str, here: Authority, names: Names) -> Place | None:
    """Return where a whole URL leads; None unless that is one of the router's names.

    It must have the scheme and port that the router is asked at. An address is no name: any could
    be one of this machine. And `localhost` is the client's machine: this one only where that is how
    it has come here.
    """
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    there = parse_authority(parts.netloc)
    if there is None or parts.scheme != scheme or _port(there, scheme) != _port(here, scheme):
        return None
    where = classify(there.host, names)
    if not (isinstance(where, OfProject) or where == Own()):
        return None
    if is_near(there.host) and not is_near(here.host):
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(there.host, f"{scheme}://{there.host}{there.suffix}", local(path))


def _port(authority: Authority, scheme: str) -> str:
    return authority.port or DEFAULT_PORTS[scheme]
