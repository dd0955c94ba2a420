"""What is told on the network: one truth for mDNS and for DNS (RFC 6762, RFC 6763)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, count
from typing import Literal

from opencoderouter.core import hosts
from opencoderouter.core.hosts import Names
from opencoderouter.core.model import Project, Status
from opencoderouter.core.slug import LABEL
from opencoderouter.core.table import Table

PROJECT, ROUTER = "_opencode._tcp", "_opencode-router._tcp"
Txt = Literal["full", "minimal"]
_STRING = 255  # octets of one string of a TXT record (RFC 1035 section 3.3)
_DIGEST = 6
_CUT = "…"


@dataclass(frozen=True, slots=True)
class Service:
    """One DNS-SD service.

    ``label`` is the name of the instance and of its host, ``{label}.local``; it is unique on the
    network. ``txt`` are keys and values, each pair at most 255 octets. ``slug`` is the project's;
    None for the router itself.
    """

    kind: str
    label: str
    port: int
    txt: tuple[tuple[str, str], ...] = ()
    slug: str | None = None

    @property
    def host(self) -> str:
        """Return the host name, without a dot at its end."""
        return f"{self.label}.local"


@dataclass(frozen=True, slots=True)
class Announcement:
    """All that a router tells. ``addresses`` are numeric, without zone index, IPv4 first."""

    services: frozenset[Service] = frozenset()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manner:
    """How a router is announced: where it listens, and how much is told of each project."""

    port: int
    scheme: str
    txt: Txt
    version: str  # the router's


def announcement(
    table: Table, names: Names, manner: Manner, addresses: tuple[str, ...]
) -> Announcement:
    """Return what to tell of these projects: nothing where nobody else can connect."""
    if not addresses:
        return Announcement()
    shown = [p for p in table.projects.values() if p.route.status is not Status.STARTING]
    services = {_project(project, names, manner) for project in shown}
    return Announcement(frozenset({_router(names, manner), *services}), addresses)


def labels(slug: str, owner: str, host: str) -> Iterator[str]:
    """Yield the host labels that a project may have on the network, best first, without end.

    ``{slug}-{owner}``; then, where another machine has that, with ``host`` and a number behind it:
    never what is the first label of another slug.
    """
    yield f"{slug}-{owner}"
    tails = chain([f"-{owner}-{host}"], (f"-{owner}-{host}-{number}" for number in count(2)))
    yield from (_fitted(slug, tail) for tail in tails if not tail.endswith(f"-{owner}"))


def _fitted(slug: str, tail: str) -> str:
    if len(slug) + len(tail) <= LABEL:
        return slug + tail
    digest = sha256(slug.encode()).hexdigest()[:_DIGEST]
    stem = slug[: LABEL - len(tail) - _DIGEST - 1].rstrip("-")
    return f"{stem}-{digest}{tail}"


def _project(project: Project, names: Names, manner: Manner) -> Service:
    facts = [("project", project.name)]
    if manner.txt == "full":
        facts += [("path", project.directory), ("backend", project.route.listener.authority)]
    facts += [("owner", names.owner), ("version", project.route.identity.version)]
    facts += _how(manner)
    label = names.label(project.slug)
    return Service(PROJECT, label, manner.port, _strings(facts), project.slug)


def _router(names: Names, manner: Manner) -> Service:
    facts = [("owner", names.owner), ("version", manner.version), *_how(manner)]
    return Service(ROUTER, names.label(hosts.ROUTER), manner.port, _strings(facts))


def _how(manner: Manner) -> list[tuple[str, str]]:
    return [] if manner.scheme == "http" else [("scheme", manner.scheme)]


def _strings(facts: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((key, _shortened(key, value)) for key, value in facts if value)


def _shortened(key: str, value: str) -> str:
    """Return the end of a value that is too long: of a path it tells most."""
    room = _STRING - len(key) - 1
    octets = value.encode("utf-8", "replace")
    if len(octets) > room:
        octets = _CUT.encode() + octets[len(octets) - room + len(_CUT.encode()) :]
    return octets.decode("utf-8", "ignore")
