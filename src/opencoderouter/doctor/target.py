"""The address that ``why`` is asked about, taken apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from opencoderouter.core.hosts import DEFAULT_PORTS, is_literal, parse_authority
from opencoderouter.core.slug import LABEL, is_slug

_NEAR = "localhost"


@dataclass(frozen=True, slots=True)
class Target:
    """An address of a router: ``host`` is in lower case, without brackets; ``path`` has no query.

    ``implied``: nobody named the port, so it is the one of the scheme.
    """

    scheme: str
    host: str
    port: int
    path: str = "/"
    implied: bool = False

    @property
    def authority(self) -> str:
        """Return what stands in the Host field: no port where it is the one of the scheme."""
        port = "" if str(self.port) == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{bracketed(self.host)}{port}"

    @property
    def url(self) -> str:
        """Return the address as a browser shows it."""
        return f"{self.scheme}://{self.authority}{self.path}"


@dataclass(frozen=True, slots=True)
class NoTarget:
    """What was given is no address; ``reason`` says what it must be. It holds nothing secret."""

    reason: str


@dataclass(frozen=True, slots=True)
class Here:
    """What this machine's own router has: what a bare name is completed with.

    ``host`` is where it is reached. Below ``localhost`` each project has a name, below an address
    it has a path.
    """

    port: int
    scheme: str = "http"
    machine: frozenset[str] = frozenset()  # the names of the machine, in lower case
    host: str = _NEAR


def target(text: str, here: Here) -> Target | NoTarget:
    """Return what a URL, a host name (with a port and a path, maybe) or a slug means."""
    if "://" not in text:
        return _named(text, here)
    try:
        parts = urlsplit(text)
    except ValueError:
        return NoTarget("is no URL")
    if parts.scheme not in DEFAULT_PORTS:
        return NoTarget("must begin with http:// or https://")
    if "@" in parts.netloc:
        return NoTarget("no password can stand in it: others may look on")
    return _at(parts.scheme, parts.netloc, parts.path, int(DEFAULT_PORTS[parts.scheme]))


def bracketed(host: str) -> str:
    """Return a host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _named(text: str, here: Here) -> Target | NoTarget:
    if ":" in text and is_literal(text):
        return Target(here.scheme, text.lower(), here.port)
    name, slash, rest = text.partition("/")
    if slash and not name:
        return NoTarget("is a path; `ocr-router resolve PATH` prints the address of a project")
    if is_slug(name) and name not in here.machine and not slash:
        if here.host != _NEAR:
            return Target(here.scheme, here.host, here.port, f"/{name}/")
        return Target(here.scheme, f"{name}.{_NEAR}", here.port)
    found = _at(here.scheme, name, f"/{rest}".partition("?")[0].partition("#")[0], here.port)
    return found if isinstance(found, NoTarget) else replace(found, implied=False)


def _at(scheme: str, netloc: str, path: str, port: int) -> Target | NoTarget:
    authority = parse_authority(netloc)
    if authority is None or authority.port == "0":
        return NoTarget("must be a URL, a host name or the name of a project")
    long = next((x for x in authority.host.split(".") if not 0 < len(x) <= LABEL), None)
    if long is not None and not is_literal(authority.host):
        return NoTarget(f"each part of a host name has 1 to {LABEL} characters")
    named = int(authority.port) if authority.port else port
    return Target(scheme, authority.host, named, path or "/", implied=not authority.port)
