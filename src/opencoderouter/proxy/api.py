"""What the router answers under its own names: the dashboard, and the API below ``/api/``.

Every answer of the API is JSON, but for metrics and events; errors are ``{error, detail, hint}``.
``openapi`` describes it.
"""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from aiohttp import web

from opencoderouter import __version__
from opencoderouter.core import scope
from opencoderouter.core.hosts import ROUTER
from opencoderouter.core.peers import Peer
from opencoderouter.core.plan import HEALTH
from opencoderouter.core.resolve import Places, by_name, by_path, expand
from opencoderouter.proxy import fleet, openapi, pages, peers
from opencoderouter.proxy.context import Context, Network
from opencoderouter.proxy.dashboard import dashboard
from opencoderouter.proxy.errors import error
from opencoderouter.proxy.events import HEADERS, Pace, Stream, Words
from opencoderouter.proxy.feed import Feed
from opencoderouter.proxy.view import Caller, Json, Row, rfc3339, to_json
from opencoderouter.proxy.who import authority, scheme, who

_MOMENT = 1.0  # seconds; discovery looks several times a second
_LIST = "`ocr-router ls` lists them."  # commands show it, too
_LIST_OF_ALL = "`ocr-router ls` lists them, `ocr-router browse` those of other routers."
_WORDS = ("path", "name", "fallback", "scope")


def _utc() -> datetime:
    return datetime.now(UTC)


def routes(
    context: Context, *, pace: Pace | None = None, now: Callable[[], datetime] = _utc
) -> list[web.AbstractRouteDef]:
    """Return the routes of everything that the router answers itself. GET answers HEAD too."""
    api = Api(context, pace=pace or Pace(), now=now)
    return [web.get("/", dashboard), *api.routes()]


class Api:
    """The operations of the API."""

    def __init__(self, context: Context, *, pace: Pace, now: Callable[[], datetime]) -> None:
        self._context, self._pace, self._now = context, pace, now
        self._feed = Feed(context.registry, context.supervisor, context.boot)
        self._home = os.path.expanduser("~")  # noqa: PTH111 - this one never raises
        self._hostname = platform.node()

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes of all operations."""
        supervisor, project = self._context.supervisor, "/api/backends/{slug}"
        return [
            web.get(HEALTH, self.health),
            web.get("/api/backends", self.backends),
            web.get("/api/resolve", self.resolve),
            web.get("/api/peers", partial(peers.listed, self._context)),
            web.get("/api/fleet", partial(fleet.listed, self._context)),
            web.get("/api/events", self.events),
            web.get("/api/metrics", self.metrics),
            web.get("/api/openapi.json", self.openapi),
            web.post(f"{project}/start", partial(self.act, "start", supervisor.start)),
            web.post(f"{project}/stop", partial(self.act, "stop", supervisor.stop)),
            web.post(f"{project}/restart", partial(self.act, "restart", supervisor.restart)),
            web.get(f"{project}/log", self.log),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """Tell that the router runs; to whom it is open, whose it is and what it has as well.

        OpenCode's web UI asks this of the server it is given: a numeric ``pid`` in the answer
        would make it speak another protocol.
        """
        grant = who(request).grant
        if grant is None or scope.forbids_router(grant, request.method, HEALTH):
            return _json({"healthy": True})
        return _json(self._router(request))

    async def backends(self, request: web.Request) -> web.Response:
        """List all projects, by slug."""
        tell = self._teller(request)
        return _json([tell(row) for row in self._feed.rows().values()])

    async def resolve(self, request: web.Request) -> web.Response:
        """Tell which project a path or a name means: also another router's, where it is asked."""
        path, name, fallback, where = (request.query.get(word, "") for word in _WORDS)
        if not (path or name) or fallback not in {"", "name"} or where not in {"", "lan"}:
            return _bad_question(request)
        if "/" in name:
            return _no_name(request, name)
        rows = self._feed.rows()
        places = {slug: row.directory for slug, row in rows.items()}
        found = await self._by_path(places, path) if path else by_name(places, name)
        if path and fallback and not found:
            found = by_name(places, path)
        tell = self._teller(request)
        if not found and where and not path:
            return _resolved_there(self._context.peers(), name)
        return _resolved(path or name, [tell(rows[slug]) for slug in found])

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Stream the table: a snapshot, then the changes."""
        if request.method == "HEAD":
            return web.Response(headers=HEADERS)
        router = partial(self._router, request)
        words = Words(self._teller(request), router, self._time, self._seen)
        return await Stream(request, self._feed, words, self._pace).run(self._context.closing)

    async def metrics(self, request: web.Request) -> web.Response:
        """Tell what has been counted, in the format that the client prefers."""
        from opencoderouter.proxy import metrics  # few routers are ever asked

        context, tasks = self._context, len(asyncio.all_tasks())
        reading = metrics.read(context.figures, context.registry.table, __version__, tasks)
        accept = request.headers.get("Accept", "")
        body, content_type = await asyncio.to_thread(metrics.render, reading, accept)
        fields = {**pages.HEADERS, "Content-Type": content_type, "Vary": "Accept"}
        return web.Response(body=body, headers=fields)

    async def openapi(self, _: web.Request) -> web.Response:
        """Describe the API."""
        cookie = self._context.access.keyring().cookie
        return _json(openapi.document(__version__, cookie))

    async def act(
        self, verb: str, action: Callable[[str], Awaitable[None]], request: web.Request
    ) -> web.Response:
        """Have a managed project's server started, stopped or restarted."""
        row = self._managed(request)
        if isinstance(row, web.Response):
            return row
        if request.body_exists and request.content_type != "application/json":
            return error(
                request, 415, "unsupported_media_type", "This takes no body.", "Send none."
            )
        me = who(request)
        name = me.grant.name if me.grant else ""
        self._context.access.record(f"server_{verb}", project=row.slug, origin=me.origin, name=name)
        await action(row.directory)
        await self._noticed(row)
        return _json(self._teller(request)(self._feed.rows().get(row.slug, row)), status=202)

    async def _noticed(self, row: Row) -> None:
        """Give discovery a moment to see that a server has gone: the answer should not show it."""
        state = self._context.supervisor.managed.get(row.directory)
        if row.route is None or (state is not None and state.pid == row.pid):
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_MOMENT):
                async for table in self._context.registry.follow():
                    if row.route.listener.key not in {b.listener.key for b in table.backends()}:
                        return

    async def log(self, request: web.Request) -> web.Response:
        """Return the last lines that a managed project's server printed."""
        row = self._managed(request)
        if isinstance(row, web.Response):
            return row
        return _json({"lines": list(self._context.supervisor.log(row.directory))})

    def _teller(self, request: web.Request) -> Callable[[Row], Json]:
        """Return what makes a row into JSON with links for this client."""
        caller = Caller(scheme(request), authority(request), self._context.naming)
        return partial(to_json, caller=caller, last_seen=self._context.last_seen)

    def _router(self, request: web.Request) -> Json:
        grant = who(request).grant
        return {
            "healthy": True,
            "version": __version__,
            "username": self._context.username,
            "hostname": self._hostname,
            "backends": len(self._feed.rows()),
            "session": bool(grant and grant.session),
            **self._on_network(),
            "fleet": fleet.summary(self._context.fleet()),
        }

    def _on_network(self) -> Json:
        stands = self._context.network()
        return {
            "scheme": stands.scheme,
            "port": stands.port,
            "owner": self._context.names.owner,
            "domain": self._context.naming.local(ROUTER) if stands.addresses else None,
            "addresses": list(stands.addresses),
            "mdns": {
                "status": stands.mdns,
                "reason": stands.reason,
                "interfaces": list(stands.interfaces),
            },
            "dns": list(stands.dns),
            "resolver": _resolver(stands),
        }

    def _time(self) -> str:
        return rfc3339(self._now())

    def _seen(self) -> Json:
        routes = {slug: row.route for slug, row in self._feed.rows().items()}
        last_seen = self._context.last_seen
        return {slug: rfc3339(last_seen(route)) for slug, route in routes.items() if route}

    def _managed(self, request: web.Request) -> Row | web.Response:
        """Return the managed project that is meant, or why there is none."""
        slug = request.match_info["slug"]
        row = self._feed.rows().get(slug)
        if row is None:
            detail = f"There is no project {slug!r} here."
            return error(request, 404, "unknown_project", detail, _LIST)
        return row if row.managed else _not_managed(request, slug)

    async def _by_path(self, places: Places, path: str) -> tuple[str, ...]:
        real = await asyncio.to_thread(_real, expand(path, self._home))
        return by_path(places, path, home=self._home, real=real)


def _resolver(stands: Network) -> Json:
    """Return how the DNS server does."""
    status = "failed" if stands.dns_reason else "on" if stands.dns else "off"
    return {"status": status, "reason": stands.dns_reason}


def _real(path: str) -> str | None:
    """Follow the symbolic links of an absolute path."""
    try:
        return os.path.realpath(path) if path.startswith("/") else None
    except ValueError:  # no path at all: a NUL, or what no file name encodes
        return None


def _json(data: object, *, status: int = 200) -> web.Response:
    return web.json_response(data, status=status, headers=pages.HEADERS)


def _resolved_there(known: tuple[Peer, ...], name: str) -> web.Response:
    hint = peers.whom_to_accept(known, name)
    return _resolved(name, peers.named(known, name), hint or _LIST_OF_ALL)


def _resolved(query: str, rows: list[Json], hint: str = _LIST) -> web.Response:
    if len(rows) == 1:
        return _json(rows[0])
    if not rows:
        detail = f"No project belongs to {query!r}."
        return _json(_why("not_found", detail, hint) | {"query": query}, status=404)
    detail = f"{query!r} means {len(rows)} projects."
    body = _why("ambiguous", detail, "Ask by a full path.") | {"candidates": rows}
    return _json(body, status=409)


def _why(error: str, detail: str, hint: str) -> Json:
    return {"error": error, "detail": detail, "hint": hint}


def _bad_question(request: web.Request) -> web.Response:
    detail = "The query must have `path` or `name`; `fallback` can only be `name`, `scope` `lan`."
    hint = "For example /api/resolve?path=/home/me/project"
    return error(request, 400, "bad_request", detail, hint)


def _no_name(request: web.Request, name: str) -> web.Response:
    """Refuse a path that came as a name: its last folder may well be another project's name."""
    detail = f"{name!r} is a path, not a name: a name has no slash."
    return error(request, 400, "bad_request", detail, "Ask by `path=`.")


def _not_managed(request: web.Request, slug: str) -> web.Response:
    detail = f"The server of {slug!r} was not started by this router."
    return error(request, 409, "not_managed", detail, "It manages those given to `serve`.")
