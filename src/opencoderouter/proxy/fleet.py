"""The SSH hosts of `ocr`, as the router's watcher tells of them (`serve --fleet`)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from aiohttp import web

from opencoderouter.core.fleet.watched import Watched, Watching
from opencoderouter.proxy import pages
from opencoderouter.proxy.context import Context
from opencoderouter.proxy.view import Json, rfc3339


async def listed(context: Context, _: web.Request) -> web.Response:
    """Tell of every host, and how the watcher does."""
    watching = context.fleet()
    said: Json = {
        "status": watching.status,
        "reason": watching.reason,
        "hosts": [_host(one) for one in watching.hosts],
    }
    return web.json_response(said, headers=pages.HEADERS)


def summary(watching: Watching) -> Json:
    """Return how the watcher does, and how many hosts are in which state."""
    states = Counter(one.state.value for one in watching.hosts if one.state is not None)
    return {
        "status": watching.status,
        "reason": watching.reason,
        "pid": watching.pid,
        "restarts": watching.restarts,
        "hosts": dict(sorted(states.items())),
    }


def _host(one: Watched) -> Json:
    return {
        "alias": one.alias,
        "label": one.label,
        "group": one.group,
        "state": one.state,
        "reason": one.reason,
        "at": None if one.at is None else rfc3339(datetime.fromtimestamp(one.at, UTC)),
        "version": one.version,
        "sessions": one.sessions,
        "busy": one.busy,
        "waiting": one.waiting,
        "stale": one.stale,
    }
