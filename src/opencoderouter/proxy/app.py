"""The application: what the router answers itself."""

from __future__ import annotations

from math import inf

from aiohttp import web

from opencoderouter.proxy import api, login
from opencoderouter.proxy.context import Context
from opencoderouter.proxy.gate import gate
from opencoderouter.proxy.pace import paced


def application(context: Context, rate: float = inf) -> web.Application:
    """Return what answers under the router's own names, behind ``server.serve``.

    Nobody may ask more often than ``rate`` times a second for long.
    """
    app = web.Application(middlewares=[paced(rate), gate])
    app.add_routes([*api.routes(context), *login.routes(context)])
    app.on_response_prepare.append(_nameless)
    return app


async def _nameless(_: web.Request, response: web.StreamResponse) -> None:
    """Leave out which software answers."""
    response.headers.pop("Server", None)
