"""Other routers of the network, as the API tells of them.

Nothing here or elsewhere in the router connects to one: whoever asks follows the links alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from opencoderouter.core.peers import Peer, find
from opencoderouter.proxy import pages
from opencoderouter.proxy.context import Context
from opencoderouter.proxy.view import Json, peer_project, peer_to_json


async def listed(context: Context, _: web.Request) -> web.Response:
    """List the other routers, verified ones first, and their projects."""
    return web.json_response(list(map(peer_to_json, context.peers())), headers=pages.HEADERS)


def named(peers: Iterable[Peer], name: str) -> list[Json]:
    """Return the projects called ``name`` of verified routers."""
    return [peer_project(peer, project) for peer, project in find(peers, name)]


def whom_to_accept(peers: Iterable[Peer], name: str) -> str:
    """Return what to do when only a router that is not verified tells of ``name``, else nothing."""
    labels = {peer.label for peer, _ in find(peers, name, verified=False) if peer.label}
    if len(labels) != 1:
        return ""
    label = labels.pop()
    return f"Router {label} announces one; if you know it, `ocr-router peer add {label}`."
