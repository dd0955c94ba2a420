"""Routing: one request head and one table make exactly one plan.

This is the only place where routing and the rules of who may ask meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from opencoderouter.core import headers as fields
from opencoderouter.core.headers import Headers
from opencoderouter.core.hosts import Authority, Names, Own, Unknown, classify, parse_authority
from opencoderouter.core.model import Backend, Project, Status
from opencoderouter.core.origin import foreign
from opencoderouter.core.table import Table

RESERVED_PREFIX = "/.ocr"  # the router's own paths on every host, projects' hosts included
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
    """A small page with the project's host and path, for a browser that came by IP address."""

    project: Project
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer ``status`` with ``{error, detail, hint}``."""

    status: int
    error: str
    detail: str
    hint: str


Plan = Forward | Local | Redirect | Links | Refuse


def plan(head: Head, table: Table, names: Names) -> Plan:
    """Return what to do with a request. Never raises, whatever the head."""
    hosts = fields.by_name(head.headers).get("host", ())
    host = hosts[0] if len(hosts) == 1 else ""
    authority, target = parse_authority(host), _origin_form(head.target, host)
    if authority is None or target is None or head.method == "CONNECT":
        return _BAD
    where = classify(authority.host, names)
    if isinstance(where, Unknown):
        return _misdirected(authority)
    if refusal := foreign(head.method, target, head.headers, head.scheme, authority):
        return Redirect(303, "/") if refusal == "navigation" else _FOREIGN
    if target.partition("?")[0].startswith(f"{RESERVED_PREFIX}/"):
        return Local(target.partition("?")[0])
    if isinstance(where, Own):
        return _by_path(head, target, table, names, authority, literal=where.literal)
    return _to_project(head, target, table, _meant(where.slugs, table), prefix="")


def _meant(slugs: tuple[str, ...], table: Table) -> str:
    """Return the first of ``slugs`` that ever was served, else the first.

    A name leads to the same project for good: never to another one while its own is down.
    """
    return next((slug for slug in slugs if slug in table.leases.values()), slugs[0])


def _by_path(
    head: Head, target: str, table: Table, names: Names, authority: Authority, *, literal: bool
) -> Plan:
    path, mark, query = target.partition("?")
    first, slash, rest = path[1:].partition("/")
    slug = unquote(first)
    if slug in _LOCAL:
        return Local(path)
    project = table.projects.get(slug)
    if project is None:
        return _absent(slug, table)
    if not slash:
        return Redirect(308, f"/{first}/{mark}{query}")
    if _is_page_load(head):
        return _to_host(project, f"/{rest}{mark}{query}", head.scheme, names, authority, literal)
    return _to_project(head, f"/{rest}{mark}{query}", table, slug, prefix=f"/{slug}")


def _to_project(head: Head, target: str, table: Table, slug: str, *, prefix: str) -> Plan:
    project = table.projects.get(slug)
    if project is None:
        return _absent(slug, table)
    if project.route.status is Status.STARTING:
        return _down(slug, "is starting", "Ask again in a moment.")
    headers = fields.to_upstream(
        head.headers, peer=head.peer, host=head.host, scheme=head.scheme, prefix=prefix
    )
    session = _session(target) if len(project.backends) > 1 else None
    return Forward(project, target, headers, prefix, session)


def _to_host(
    project: Project,
    target: str,
    scheme: str,
    names: Names,
    authority: Authority,
    literal: bool,  # noqa: FBT001
) -> Plan:
    """Answer a page load in path mode: OpenCode's web UI is a blank page under a prefix."""
    near = f"{scheme}://{project.slug}.localhost{authority.suffix}{target}"
    far = f"{scheme}://{names.local(project.slug)}{authority.suffix}{target}"
    if literal:
        return Links(project, (near, far))
    return Redirect(302, near if authority.host == "localhost" else far, varies=True)


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


def _absent(slug: str, table: Table) -> Refuse:
    if slug in table.leases.values():
        return _down(slug, "is not running", _START)
    return Refuse(
        404, "unknown_project", f"There is no project {slug!r} here.", "`ocr-router ls` lists them."
    )


def _down(slug: str, what: str, hint: str) -> Refuse:
    return Refuse(503, "project_down", f"The server of project {slug!r} {what}.", hint)


def _misdirected(authority: Authority) -> Refuse:
    return Refuse(
        421,
        "unknown_host",
        f"This router does not go by the name {authority.host!r}.",
        "Use localhost, an address of this machine, its host name, or a project's own name.",
    )


_START = (
    "If the router manages it, it is being started or was stopped: see the dashboard; "
    "else `ocr-router start DIRECTORY` starts it."
)
_BAD = Refuse(
    400, "bad_request", "Host and request target do not make sense.", "Send one valid Host field."
)
_FOREIGN = Refuse(
    403,
    "foreign_origin",
    "A page of another origin asked for this.",
    "Open the project at its own address.",
)
