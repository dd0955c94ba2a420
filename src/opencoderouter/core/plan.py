"""Routing: one request head and one table make exactly one plan.

This is the only place where routing and the rules of who may ask meet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from opencoderouter.core import cookies, query, refusals, scope
from opencoderouter.core import headers as fields
from opencoderouter.core.admission import Admission
from opencoderouter.core.grant import Grant, is_loopback
from opencoderouter.core.headers import Headers
from opencoderouter.core.hosts import (
    Names,
    OfProject,
    Own,
    Unknown,
    classify,
    parse_authority,
)
from opencoderouter.core.model import Backend, Project, Status
from opencoderouter.core.origin import Place, foreign, is_own
from opencoderouter.core.refusals import Refuse
from opencoderouter.core.table import Table

RESERVED_PREFIX = "/.ocr"  # the router's own paths on every host, projects' hosts included
LOGIN, LOGOUT = f"{RESERVED_PREFIX}/login", f"{RESERVED_PREFIX}/logout"
GO, ENTER = f"{RESERVED_PREFIX}/go", f"{RESERVED_PREFIX}/enter"
HEALTH = "/api/health"  # tells whoever asks that a router is here, and nothing else
_AUTHORIZATION = frozenset({"authorization"})
_START = r"/(?:[a-z0-9-]+/?)?"  # the dashboard, or a project by its path
_LOCAL = frozenset({"", "api", ".ocr"})  # first path segments of the router on its own names


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body. ``target`` is the request target as it came, not decoded."""

    method: str
    target: str
    headers: Headers
    peer: str
    scheme: str = "http"

    @property
    def host(self) -> str:
        """Return the Host field, or nothing."""
        return fields.get(self.headers, "host") or ""


@dataclass(frozen=True, slots=True)
class Forward:
    """Pass the request on.

    ``target`` is what to ask the backend for; ``prefix`` was cut off it (path mode). Where
    ``session`` is set, the one of ``project.backends`` that has this session busy should be asked.
    """

    project: Project
    target: str
    headers: Headers
    prefix: str = ""
    session: str | None = None

    @property
    def backend(self) -> Backend:
        """Return the backend that has the project's route."""
        return self.project.route

    def to(self, backend: Backend) -> tuple[str, Headers]:
        """Return target and fields for one of the backends: with its password, where it has one."""
        own = backend.listener.authorization
        if own is None:
            return self.target, self.headers
        kept = fields.without(self.headers, _AUTHORIZATION)
        return query.without(self.target, query.AUTH_TOKEN), (*kept, ("Authorization", own))


@dataclass(frozen=True, slots=True)
class Local:
    """The router answers itself: dashboard, API, login. ``path`` has no query."""

    path: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the client elsewhere. ``varies`` when another client would not be sent."""

    status: int
    location: str
    varies: bool = False


@dataclass(frozen=True, slots=True)
class Links:
    """A small page with the project's host and path, for a browser that came by IP address.

    Each of ``links`` is what is shown, and where it leads.
    """

    project: Project
    links: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Unauthenticated:
    """Ask who it is: with a form that leads to ``target`` where a ``page`` is asked for.

    ``browser``: one would put a form of its own over the page, if it were told to ask by Basic.
    ``readable``: what is typed here can be read on the way.
    """

    target: str
    page: bool
    browser: bool
    readable: bool


Plan = Forward | Local | Redirect | Links | Refuse | Unauthenticated


def plan(head: Head, table: Table, names: Names, admission: Admission) -> Plan:
    """Return what to do with a request. Never raises, whatever the head."""
    found = fields.by_name(head.headers)
    hosts, shown = found.get("host", ()), found.get("authorization", ())
    host = hosts[0] if len(hosts) == 1 else ""
    authority, target = parse_authority(host), _origin_form(head.target, host)
    if authority is None or target is None or head.method == "CONNECT" or len(shown) > 1:
        return refusals.AMBIGUOUS if len(shown) > 1 else refusals.BAD
    where, path = classify(authority.host, names), target.partition("?")[0]
    if isinstance(where, Unknown):
        return refusals.misdirected(authority)
    place = Place(head.scheme, authority, names.origins)
    refusal = foreign(head.method, target, head.headers, place)
    if refusal and not (refusal == "navigation" and path == ENTER):
        return Redirect(303, "/") if refusal == "navigation" else refusals.FOREIGN
    if path.startswith(f"{RESERVED_PREFIX}/") or (path == HEALTH and isinstance(where, Own)):
        return Local(path)
    if admission.grant is None:
        return _unauthenticated(head, target, admission)
    return _route(_Asked(head, target, place, admission, admission.grant), where, table, names)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that may come in."""

    head: Head
    target: str
    place: Place
    admission: Admission
    grant: Grant


def _route(asked: _Asked, where: Own | OfProject, table: Table, names: Names) -> Plan:
    if asked.grant.session and not _may_use_session(asked, where):
        return Redirect(303, "/") if _is_page_load(asked.head) else refusals.FOREIGN
    if isinstance(where, Own):
        return _by_path(asked, table, names, literal=where.literal)
    return _to_project(asked, asked.target, table, _meant(where.slugs, table), prefix="")


def _may_use_session(asked: _Asked, where: Own | OfProject) -> bool:
    """Tell whether a page of the same origin asks, or it matters not: cookies come with others."""
    start = _START if isinstance(where, Own) else "/"
    if asked.head.method == "GET" and re.fullmatch(start, asked.target):
        return True
    return is_own(asked.head.headers, asked.place)


def _unauthenticated(head: Head, target: str, admission: Admission) -> Plan:
    if admission.held:
        return refusals.held(admission.held)
    readable = head.scheme == "http" and not is_loopback(head.peer)
    return Unauthenticated(target, _is_page_load(head), fields.is_browser(head.headers), readable)


def _meant(slugs: tuple[str, ...], table: Table) -> str:
    """Return the first of ``slugs`` that ever was served, else the first.

    A name leads to the same project for good: never to another one while its own is down.
    """
    return next((slug for slug in slugs if slug in table.leases.values()), slugs[0])


def _by_path(asked: _Asked, table: Table, names: Names, *, literal: bool) -> Plan:
    path, mark, query_ = asked.target.partition("?")
    first, slash, rest = path[1:].partition("/")
    slug, grant = unquote(first), asked.grant
    if slug in _LOCAL:
        why = "" if grant.whole else scope.forbids_router(grant, asked.head.method, path)
        return refusals.forbidden(why) if why else Local(path)
    project = table.projects.get(slug)
    if project is None or grant.project not in {None, slug}:
        return _to_project(asked, "/", table, slug, prefix="")
    if not slash:
        return Redirect(308, f"/{first}/{mark}{query_}")
    target = f"/{rest}{mark}{query_}"
    if _is_page_load(asked.head):
        return _to_host(asked, project, target, names, literal=literal)
    return _to_project(asked, target, table, slug, prefix=f"/{slug}")


def _to_project(asked: _Asked, target: str, table: Table, slug: str, *, prefix: str) -> Plan:
    """Pass a request on, unless it may not or cannot get there."""
    head, grant, admission = asked.head, asked.grant, asked.admission
    if grant.project not in {None, slug}:
        return refusals.forbidden(scope.only(grant))
    project = table.projects.get(slug)
    if project is None:
        return refusals.absent(slug, table)
    if why := scope.forbids(grant, head.method, target, head.headers, project.directory):
        return refusals.forbidden(why)
    if fields.get(head.headers, "service-worker") is not None:  # of its script: Service Workers 3.2
        return refusals.NO_WORKERS
    target = scope.confined(grant, target, project.directory)
    if project.route.status is Status.STARTING:
        return refusals.starting(slug, project.route.reason)
    kept = cookies.without_ours(head.headers)
    if admission.spent:
        kept = fields.without(kept, _AUTHORIZATION)
    if admission.token_spent:
        target = query.without(target, query.AUTH_TOKEN)
    headers = fields.to_upstream(
        kept, peer=head.peer, host=head.host, scheme=head.scheme, prefix=prefix
    )
    session = _session(target) if len(project.backends) > 1 else None
    return Forward(project, target, headers, prefix, session)


def _to_host(
    asked: _Asked, project: Project, target: str, names: Names, *, literal: bool
) -> Redirect | Links:
    """Answer a page load in path mode: OpenCode's web UI is a blank page under a prefix."""
    scheme, authority = asked.place.scheme, asked.place.authority
    here, callers = authority.host, [authority.host]
    if literal:  # which of the names its resolver knows cannot be told: the likelier first
        callers = ["localhost", ""] if is_loopback(here) else [*sorted(names.domains), ""]
    hosts = [names.beside(project.slug, caller) for caller in callers]
    links = [f"{scheme}://{host}{authority.suffix}{target}" for host in hosts]
    if literal:
        return Links(project, tuple((link, _way(asked, link)) for link in links))
    return Redirect(302, _way(asked, links[0]), varies=True)


def _way(asked: _Asked, link: str) -> str:
    """Return what leads to a project's host: a session's cookie does not, a ticket does."""
    return f"{GO}?to={quote(link, safe='')}" if asked.grant.session else link


def _is_page_load(head: Head) -> bool:
    accept = fields.tokens(head.headers, "accept")
    html = any(part.partition(";")[0].strip() == "text/html" for part in accept)
    destination = fields.get(head.headers, "sec-fetch-dest") or "document"
    upgrade = fields.is_upgrade(head.headers)
    return head.method == "GET" and html and destination == "document" and not upgrade


def _origin_form(target: str, host: str) -> str | None:
    """Return the target from its first slash; absolute-form only where it agrees with Host."""
    if target.startswith("/"):
        return target
    scheme, mark, rest = target.partition("://")
    authority, slash, path = rest.partition("/")
    if not mark or scheme.lower() not in {"http", "https"} or authority.lower() != host.lower():
        return None
    return slash + path or "/"


def _session(target: str) -> str | None:
    """Return the session that a target is about: ``/session/{id}…``, ``/api/session/{id}…``."""
    path = target.partition("?")[0].removeprefix("/api")
    if not path.startswith("/session/"):
        return None
    name = unquote(path.split("/")[2])
    return name if name.startswith("ses_") else None
