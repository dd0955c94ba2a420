"""Other routers of the network, as they were heard by mDNS: anybody there can say anything.

What is handed on is bounded, without control characters, and links are made of host and port only.
A router is *verified* when it says just what was pinned when the user accepted it. That keeps out
who announces a router of another address; it does not keep out who answers for the host itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import groupby

from opencoderouter.core.announcement import PROJECT, ROUTER, Announcement
from opencoderouter.core.hosts import DEFAULT_PORTS, is_literal
from opencoderouter.core.resolve import by_name

MOST_ROUTERS, MOST_PROJECTS = 256, 1024
_MOST_ADDRESSES = 64  # of one host
_LONGEST = {"version": 64}  # characters of a value; those of others:
_TEXT = 255
_NAME = 253  # octets of a name in the DNS, as it is written (RFC 1035 section 3.1)
_LAST_PORT = 65535
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(rf"(?:{_LABEL.pattern}\.)+local")


@dataclass(frozen=True, slots=True)
class Heard:
    """A DNS-SD service, as its records say.

    ``label`` is the name of the instance, ``host`` has no dot at its end, ``addresses`` are all
    that the records name, numeric and without zone index.
    """

    kind: str
    label: str
    host: str
    port: int
    addresses: tuple[str, ...]
    txt: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A router that the user knows: its label, its port, and every address that it may have."""

    label: str
    addresses: tuple[str, ...]
    port: int


@dataclass(frozen=True, slots=True)
class PeerProject:
    """A project of another router. ``path`` is empty where that router does not tell."""

    slug: str
    label: str
    name: str
    host: str
    url: str
    version: str
    path: str


@dataclass(frozen=True, slots=True)
class Peer:
    """Another router and its projects, by label.

    ``label``, ``host`` and ``version`` are empty for who announces projects but no router.
    ``addresses`` are numeric, IPv4 first. ``scheme`` is ``http`` or ``https``.
    """

    label: str
    host: str
    addresses: tuple[str, ...]
    port: int
    owner: str
    version: str
    scheme: str
    verified: bool = False
    projects: tuple[PeerProject, ...] = ()

    @property
    def url(self) -> str:
        """Return the address of its dashboard; empty when it announces no router."""
        return _url(self.scheme, self.host, self.port) if self.host else ""


@dataclass(frozen=True, slots=True)
class _Service:
    """What was heard, and can be used. ``told`` are the values of TXT by lower-case key."""

    kind: str
    label: str
    host: str
    port: int
    addresses: frozenset[str]
    told: Mapping[str, str]

    @property
    def owner(self) -> str:
        owner = self.told.get("owner", "")
        return owner if _LABEL.fullmatch(owner) else ""

    @property
    def scheme(self) -> str:
        return "https" if self.told.get("scheme") == "https" else "http"


def peers(
    heard: Iterable[Heard], own: Announcement, accepted: Iterable[Accepted]
) -> tuple[Peer, ...]:
    """Return the other routers, the accepted ones first, then those that only tell of projects.

    A project belongs to the router with its port that shares an address with it. With a verified
    router all its addresses must be pinned ones.
    """
    pinned = {one.label: one for one in accepted}
    usable = [service for one in heard if (service := _usable(one))]
    others = [service for service in usable if not _is_own(service, own)]
    others.sort(key=lambda one: (one.label not in pinned, one.label, one.host, one.port))
    routers = [one for one in others if one.kind == ROUTER][:MOST_ROUTERS]
    projects = [one for one in others if one.kind == PROJECT][:MOST_PROJECTS]
    known = [(one, _pin(one, pinned.get(one.label))) for one in routers]
    known.sort(key=lambda pair: pair[1] is None)
    of: dict[int, list[_Service]] = {}
    for project in projects:
        of.setdefault(_router_of(project, known), []).append(project)
    found = [_peer(one, pin, of.get(index, [])) for index, (one, pin) in enumerate(known)]
    return (*found, *_alone(of.get(_NOBODY, [])))[:MOST_ROUTERS]


def find(
    known: Iterable[Peer], name: str, *, verified: bool = True
) -> tuple[tuple[Peer, PeerProject], ...]:
    """Return the projects called ``name`` (slug, label or name of the folder) of such peers."""
    of = [(peer, one) for peer in known if peer.verified is verified for one in peer.projects]
    wanted = name.lower()
    return tuple(
        (peer, one)
        for peer, one in of
        if one.label == wanted or by_name({one.slug: one.name}, name)
    )


_NOBODY = -1
_Known = list[tuple[_Service, frozenset[str] | None]]  # routers, and what is pinned of each


def _usable(heard: Heard) -> _Service | None:
    label, host = heard.label, heard.host
    addresses = frozenset(heard.addresses)
    right = (
        (label + host).isascii()  # else other letters become ours in lower case
        and _LABEL.fullmatch(label.lower())
        and len(host) <= _NAME
        and _HOST.fullmatch(host.lower())
        and 0 < heard.port <= _LAST_PORT
        and 0 < len(addresses) <= _MOST_ADDRESSES
        and all(map(is_literal, addresses))
    )
    told = _told(heard.txt)
    kind, port = heard.kind, heard.port
    return _Service(kind, label.lower(), host.lower(), port, addresses, told) if right else None


def _told(txt: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the first value of each key (RFC 6763 section 6.4)."""
    told: dict[str, str] = {}
    for key, value in txt:
        longest = _LONGEST.get(key.lower(), _TEXT)
        clean = "".join(c for c in value[:_TEXT] if c.isprintable())[:longest].strip()
        told.setdefault(key.lower(), clean)
    return told


def _is_own(service: _Service, own: Announcement) -> bool:
    """Tell whether it is ours, also when it is no longer announced.

    Bridges of containers have one address on many machines: all of them must be ours.
    """
    if any((one.kind, one.label) == (service.kind, service.label) for one in own.services):
        return True
    ports = {one.port for one in own.services}
    return service.port in ports and service.addresses <= set(own.addresses)


def _pin(router: _Service, accepted: Accepted | None) -> frozenset[str] | None:
    """Return the addresses that were pinned, when a router says just what was accepted."""
    if accepted is None or router.port != accepted.port:
        return None
    pinned = frozenset(accepted.addresses)
    return pinned if router.addresses <= pinned else None


def _router_of(project: _Service, known: _Known) -> int:
    """Return the index of the router that a project belongs to: the first that fits best."""

    def fit(index: int) -> tuple[bool, int, bool]:
        router, pin = known[index]
        common = len(router.addresses & project.addresses)
        return pin is not None, common, router.owner == project.owner

    fitting = [
        index
        for index, (router, pin) in enumerate(known)
        if router.port == project.port
        and not router.addresses.isdisjoint(project.addresses)
        and (pin is None or project.addresses <= pin)
    ]
    return max(fitting, key=fit, default=_NOBODY)


def _peer(router: _Service, pin: frozenset[str] | None, projects: Iterable[_Service]) -> Peer:
    return Peer(
        label=router.label,
        host=router.host,
        addresses=_ordered(router.addresses),
        port=router.port,
        owner=router.owner,
        version=router.told.get("version", ""),
        scheme=router.scheme,
        verified=pin is not None,
        projects=tuple(map(_project, projects)),
    )


def _alone(projects: list[_Service]) -> list[Peer]:
    """Return those who announce projects only, as the original program does."""

    def who(project: _Service) -> tuple[str, int, tuple[str, ...]]:
        return project.owner, project.port, _ordered(project.addresses)

    return [
        Peer("", "", addresses, port, owner, "", "http", projects=tuple(map(_project, group)))
        for (owner, port, addresses), group in groupby(sorted(projects, key=who), key=who)
    ]


def _project(service: _Service) -> PeerProject:
    owner, name = service.owner, service.told.get("project", "")
    slug = (owner and service.label.removesuffix(f"-{owner}")) or service.label
    return PeerProject(
        slug=slug,
        label=service.label,
        name=name if name and "/" not in name else slug,
        host=service.host,
        url=_url(service.scheme, service.host, service.port),
        version=service.told.get("version", ""),
        path=service.told.get("path", ""),
    )


def _url(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://{host}{'' if DEFAULT_PORTS[scheme] == str(port) else f':{port}'}/"


def _ordered(addresses: Iterable[str]) -> tuple[str, ...]:
    parsed = sorted(map(ip_address, addresses), key=lambda one: (one.version, int(one)))
    return tuple(map(str, parsed))
