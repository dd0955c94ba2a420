"""Who asks the application for something, and how, as the lane has told it."""

from __future__ import annotations

from aiohttp import web

from opencoderouter.core import headers
from opencoderouter.core.grant import Identified, from_json, is_loopback
from opencoderouter.core.hosts import Authority, parse_authority
from opencoderouter.core.origin import Place, is_own
from opencoderouter.proxy.context import IDENTITY

_NOBODY = Identified("")


def who(request: web.BaseRequest) -> Identified:
    """Return who it is: nobody, unless the lane has said so exactly once."""
    said = request.headers.getall(IDENTITY, [])
    try:
        return from_json(said[0]) if len(said) == 1 else _NOBODY
    except ValueError:
        return _NOBODY


def scheme(request: web.BaseRequest) -> str:
    """Return what the client speaks to the lane: ``http`` or ``https``."""
    return request.headers.get("X-Forwarded-Proto", "http")


def authority(request: web.BaseRequest) -> Authority:
    """Return the name that the client calls the router by."""
    return parse_authority(request.host) or Authority("localhost")


def is_own_page(request: web.BaseRequest) -> bool:
    """Tell whether it is certain that no other site's page asks."""
    place = Place(scheme(request), authority(request))
    return is_own(_headers(request), place)


def is_readable(request: web.BaseRequest) -> bool:
    """Tell whether others on a network can read what the client sends."""
    return scheme(request) == "http" and not is_loopback(who(request).origin.partition("#")[0])


def is_browser(request: web.BaseRequest) -> bool:
    """Tell whether it is a browser that asks, which has dialogs of its own."""
    return headers.is_browser(_headers(request))


def _headers(request: web.BaseRequest) -> headers.Headers:
    return tuple(request.headers.items())
