"""The application: what the router answers itself."""

from __future__ import annotations

from aiohttp import web

from opencoderouter.proxy.api import routes
from opencoderouter.proxy.context import Context
from opencoderouter.proxy.gate import gate


def application(context: Context) -> web.Application:
    """Return what answers under the router's own names, behind ``server.serve``."""
    app = web.Application(middlewares=[gate])
    app.add_routes(routes(context))
    app.on_response_prepare.append(_nameless)
    return app


async def _nameless(_: web.Request, response: web.StreamResponse) -> None:
    """Leave out which software answers."""
    response.headers.pop("Server", None)
