"""Projects as API and dashboard show them: one row each, also of those whose server is down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address

from opencoderouter.core.hosts import Authority, Names, is_literal
from opencoderouter.core.managed import Managed
from opencoderouter.core.model import FLEETING, Backend, Kind, Listener, Project, Sessions, Status
from opencoderouter.core.peers import Peer, PeerProject
from opencoderouter.core.table import Table

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a project's directory."""

    port: int
    pid: int | None
    kind: Kind
    status: Status
    version: str


@dataclass(frozen=True, slots=True)
class Row:
    """One project. ``servers`` is empty when it is down, else its first one has the route.

    ``label`` is its host label on the network where that is not the usual one.

    Two rows are equal when nobody could see a difference; when a server was last seen is none.
    """

    slug: str
    name: str
    directory: str
    status: Status
    reason: str
    managed: bool
    pid: int | None
    sessions: Sessions | None
    label: str | None = None
    servers: tuple[Server, ...] = ()
    route: Backend | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """How a client came: links are made so that the same client can follow them."""

    scheme: str
    authority: Authority
    names: Names

    def by_path(self, slug: str) -> str:
        """Return the project's address below the router's own."""
        host = self.authority.host
        host = f"[{host}]" if ":" in host else host
        return f"{self.scheme}://{host}{self.authority.suffix}/{slug}/"

    def by_host(self, slug: str) -> str:
        """Return the project's own address: ``localhost`` for who came by loopback."""
        near = _is_loopback(self.authority.host)
        host = self.names.beside(slug, "localhost" if near else self.authority.host)
        return f"{self.scheme}://{host}{self.authority.suffix}/"


def rows(table: Table, managed: Mapping[str, Managed]) -> dict[str, Row]:
    """Return all rows by slug, in the order of the alphabet.

    A managed project is a row while its server is down too, as soon as its directory has a name.
    """
    label = table.labels.get
    served = {
        slug: _served(p, managed.get(p.directory), label(slug))
        for slug, p in table.projects.items()
    }
    named = ((table.leases.get(directory), state) for directory, state in managed.items())
    down = {
        slug: _down(slug, state, label(slug))
        for slug, state in named
        if slug and slug not in served
    }
    return dict(sorted((served | down).items()))


def to_json(row: Row, caller: Caller, last_seen: Callable[[Backend], datetime]) -> Json:
    """Return the row as every answer and event of the API has it."""
    first = row.servers[0] if row.servers else None
    return {
        "slug": row.slug,
        "project_name": row.name,
        "project_path": row.directory,
        "port": first.port if first else None,
        "version": first.version if first else None,
        "domain": caller.names.local(row.slug),
        "path_prefix": f"/{row.slug}/",
        "url": caller.by_path(row.slug),
        "host_url": caller.by_host(row.slug),
        "last_seen": rfc3339(last_seen(row.route)) if row.route else None,
        "status": row.status,
        "reason": row.reason,
        "kind": first.kind if first else None,
        "pid": row.pid,
        "managed": row.managed,
        "sessions": _sessions(row.sessions),
        "servers": [_server(server) for server in row.servers],
    }


def peer_to_json(peer: Peer) -> Json:
    """Return another router as the API has it."""
    return {
        "label": peer.label,
        "host": peer.host,
        "url": peer.url,
        "addresses": list(peer.addresses),
        "port": peer.port,
        "scheme": peer.scheme,
        "owner": peer.owner,
        "version": peer.version,
        "verified": peer.verified,
        "projects": [peer_project(peer, project) for project in peer.projects],
    }


def peer_project(peer: Peer, project: PeerProject) -> Json:
    """Return a project of another router as the API has it."""
    return {
        "slug": project.slug,
        "project_name": project.name,
        "project_path": project.path,
        "version": project.version,
        "domain": project.host,
        "url": project.url,
        "host_url": project.url,
        "peer": peer.label,
    }


def rfc3339(moment: datetime) -> str:
    """Return ``moment`` in UTC with milliseconds: ``2026-01-02T03:04:05.678Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _served(project: Project, state: Managed | None, label: str | None) -> Row:
    route = project.route
    return Row(
        slug=project.slug,
        name=project.name,
        directory=project.directory,
        status=route.status,
        reason=route.reason,
        managed=state is not None and _is_managed(project, state),
        pid=route.listener.pid,
        sessions=route.sessions,
        label=label,
        servers=tuple(_as_server(backend) for backend in project.backends),
        route=route,
    )


def _is_managed(project: Project, state: Managed) -> bool:
    """Tell whether to stop a managed project would stop a server that is shown.

    While the supervisor has no process, it says itself that others serve: stopped for a reason.
    """
    if state.pid is None and state.port is None:
        return not (state.status is Status.STOPPED and state.reason)
    listeners = [backend.listener for backend in project.backends]
    lasting = any(listener.kind not in FLEETING for listener in listeners)
    return not lasting or any(_is_of(listener, state) for listener in listeners)


def _is_of(listener: Listener, state: Managed) -> bool:
    """Tell by the process; by the port, where it is unknown or a wrapper started it."""
    if listener.pid is not None and listener.pid == state.pid:
        return True
    return listener.port == state.port


def _down(slug: str, state: Managed, label: str | None) -> Row:
    """Make the row of a project without a server: a ready one that is not found yet is starting."""
    return Row(
        slug=slug,
        name=Project(slug, state.directory, ()).name,
        directory=state.directory,
        status=Status.STARTING if state.status is Status.READY else state.status,
        reason=state.reason,
        managed=True,
        pid=state.pid,
        sessions=None,
        label=label,
    )


def _as_server(backend: Backend) -> Server:
    listener = backend.listener
    version = backend.identity.version
    return Server(listener.port, listener.pid, listener.kind, backend.status, version)


def _server(server: Server) -> Json:
    return {
        "port": server.port,
        "pid": server.pid,
        "kind": server.kind,
        "status": server.status,
        "version": server.version,
    }


def _sessions(sessions: Sessions | None) -> Json | None:
    if sessions is None:
        return None
    return {"total": sessions.total, "busy": sessions.busy, "more": sessions.more}


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (is_literal(host) and ip_address(host).is_loopback)
