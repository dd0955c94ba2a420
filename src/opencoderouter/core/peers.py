"""Other routers of the network, as they were heard by mDNS: anybody there can say anything.

What is handed on is bounded, without control characters, and links are made of host and port only.
A router is *verified* when it says just what was pinned when the user accepted it. That keeps out
who announces a router of another address; it does not keep out who answers for the host itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from itertools import chain, groupby

from opencoderouter.core.announcement import PROJECT, ROUTER, Announcement
from opencoderouter.core.hosts import DEFAULT_PORTS, is_literal
from opencoderouter.core.resolve import by_name
from opencoderouter.core.slug import HOST_LABEL

MOST_ROUTERS, MOST_PROJECTS = 256, 1024
MOST_ADDRESSES = 64  # of one host
_TEXT = 255  # characters that are looked at, and may be shown:
_LONGEST = {"project": _TEXT, "path": _TEXT, "owner": _TEXT, "version": 64, "scheme": 5}
_LONGEST_KEY = 16
_NAME = 253  # octets of a name in the DNS, as it is written (RFC 1035 section 3.1)
LAST_PORT = 65535
_HOST = re.compile(rf"(?:{HOST_LABEL.pattern}\.)+local")


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
    """What was heard, and can be used. ``told`` are the values of TXT by lower-case key.

    ``ordered`` are the addresses as they are shown, IPv4 first.
    """

    kind: str
    label: str
    host: str
    port: int
    addresses: frozenset[str]
    ordered: tuple[str, ...]
    told: Mapping[str, str]

    @property
    def owner(self) -> str:
        owner = self.told.get("owner", "")
        return owner if HOST_LABEL.fullmatch(owner) else ""

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
    places = _places(known)
    of: dict[int, list[_Service]] = {}
    for project in projects:
        of.setdefault(_router_of(project, known, places), []).append(project)
    found = [_peer(one, pin, of.get(index, [])) for index, (one, pin) in enumerate(known)]
    return (*found, *_alone(of.get(_NOBODY, [])))[:MOST_ROUTERS]


def is_label(text: str) -> bool:
    """Tell whether a text is a host label, in whatever case (RFC 1123 section 2.1)."""
    # Other letters can become ours in lower case.
    return text.isascii() and HOST_LABEL.fullmatch(text.lower()) is not None


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
_CROWD = 8  # routers at one port of one address: more are not looked at
_Known = list[tuple[_Service, frozenset[str] | None]]  # routers, and what is pinned of each
_Places = dict[tuple[int, str], list[int]]  # port and address -> routers there, by index


@lru_cache(MOST_ROUTERS + MOST_PROJECTS)  # most stay as they are when one changes
def _usable(heard: Heard) -> _Service | None:
    label, host = heard.label, heard.host
    addresses = frozenset(heard.addresses)
    right = (
        is_label(label)
        and len(host) <= _NAME
        and host.isascii()
        and _HOST.fullmatch(host.lower())
        and 0 < heard.port <= LAST_PORT
        and 0 < len(addresses) <= MOST_ADDRESSES
        and all(map(is_literal, addresses))
    )
    if not right:
        return None
    return _Service(
        kind=heard.kind,
        label=label.lower(),
        host=host.lower(),
        port=heard.port,
        addresses=addresses,
        ordered=_ordered(addresses),
        told=_told(heard.txt),
    )


def _told(txt: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the first value of each key that means something (RFC 6763 section 6.4)."""
    told: dict[str, str] = {}
    for key, value in txt:
        name = key[:_LONGEST_KEY].lower()
        if name in _LONGEST and name not in told:
            told[name] = _clean(value[:_TEXT])[: _LONGEST[name]]
    return told


def _clean(text: str) -> str:
    if not text.isprintable():
        text = "".join(c for c in text if c.isprintable())
    return text.strip()


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


def _places(known: _Known) -> _Places:
    places: _Places = {}
    for index, (router, _) in enumerate(known):
        for address in router.addresses:
            places.setdefault((router.port, address), []).append(index)
    return places


def _router_of(project: _Service, known: _Known, places: _Places) -> int:
    """Return the index of the router that a project belongs to: the first that fits best."""

    def fit(index: int) -> tuple[bool, int, bool]:
        router, pin = known[index]
        common = len(router.addresses & project.addresses)
        return pin is not None, common, router.owner == project.owner

    def may_be(index: int) -> bool:
        pin = known[index][1]
        return pin is None or project.addresses <= pin

    there = (places.get((project.port, address), [])[:_CROWD] for address in project.addresses)
    return max(filter(may_be, sorted(set(chain(*there)))), key=fit, default=_NOBODY)


def _peer(router: _Service, pin: frozenset[str] | None, projects: Iterable[_Service]) -> Peer:
    return Peer(
        label=router.label,
        host=router.host,
        addresses=router.ordered,
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
        return project.owner, project.port, project.ordered

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
