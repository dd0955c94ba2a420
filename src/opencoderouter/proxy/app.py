"""The application: the gate, and behind it what the router answers itself."""

from __future__ import annotations

from aiohttp import web

from opencoderouter.proxy.api import routes
from opencoderouter.proxy.context import Context
from opencoderouter.proxy.forward import Forwarder
from opencoderouter.proxy.gate import RUNNING, Running, gate
from opencoderouter.proxy.pool import Pool


def application(context: Context) -> web.Application:
    """Return the whole proxy as one application, to be served by ``server.serve``."""
    pool, running = Pool(), Running()

    async def close(_: web.Application) -> None:
        pool.close()

    app = web.Application(middlewares=[gate(context, Forwarder(context, pool), running)])
    app[RUNNING] = running
    app.add_routes(routes(context))
    app.on_response_prepare.append(_nameless)
    app.on_cleanup.append(close)
    return app


async def _nameless(_: web.Request, response: web.StreamResponse) -> None:
    """Leave out which software answers."""
    response.headers.pop("Server", None)
