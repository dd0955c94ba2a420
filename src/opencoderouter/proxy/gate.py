"""What surrounds the handlers of the application: who may ask, and their failures in our form."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from opencoderouter.core import refusals, scope
from opencoderouter.core.plan import ENTER, GO, HEALTH, LOGIN, LOGOUT, Unauthenticated
from opencoderouter.proxy.answers import shows_page, unauthenticated
from opencoderouter.proxy.errors import error, refused, respond
from opencoderouter.proxy.who import is_browser, is_readable, who

log = logging.getLogger(__name__)
_PUBLIC = frozenset({LOGIN, LOGOUT, ENTER, HEALTH})  # for nobody in particular
_ANYBODY = frozenset({GO})  # for whoever was let in: it leads where the next request is judged


@web.middleware
async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer, whatever happens."""
    try:
        return _kept_out(request) or await handler(request)
    except web.HTTPException as failure:
        return _told(request, failure)
    except web.RequestPayloadError:
        return _malformed(request)
    except Exception:
        if request.transport is None or request.transport.is_closing():
            return web.Response()  # that nobody gets
        log.exception("failed method=%s path=%s", request.method, _path(request))
        return _failed(request)


def _kept_out(request: web.Request) -> web.Response | None:
    """Refuse whoever may not ask this; None for others.

    By the route that was found, not by what the path looks like: what is no route is for nobody.
    """
    resource = request.match_info.route.resource
    path = resource.canonical if resource else ""
    if path in _PUBLIC:
        return None
    grant = who(request).grant
    if grant is None:
        return _unknown(request)
    why = (
        "" if grant.whole or path in _ANYBODY else scope.forbids_router(grant, request.method, path)
    )
    return refused(request, refusals.forbidden(why)) if why else None


def _unknown(request: web.Request) -> web.Response:
    target, readable = request.raw_path, is_readable(request)
    page = request.method == "GET" and shows_page(target, request.headers.get("Accept", ""))
    return respond(
        request, unauthenticated(Unauthenticated(target, page, is_browser(request), readable))
    )


def _told(request: web.Request, failure: web.HTTPException) -> web.Response:
    """Say in our form what aiohttp says in its own: no such path, wrong method, too large."""
    word = failure.reason.lower().replace(" ", "_")
    allow = failure.headers.get("Allow")
    headers = {"Allow": allow} if allow else None
    detail = f"{_path(request)}: {failure.reason}."
    hint = "GET /api/openapi.json describes the API."
    return error(request, failure.status, word, detail, hint, headers)


def _malformed(request: web.Request) -> web.Response:
    detail = "The body of the request is not what its head says."
    return error(request, 400, "bad_request", detail, "Send a well-formed body.")


def _failed(request: web.Request) -> web.Response:
    if request.writer.output_size and request.transport is not None:
        request.transport.abort()  # too late for another answer
    hint = "This is a defect of the router; its log says more."
    response = error(request, 500, "internal_error", "The router failed to answer.", hint)
    response.force_close()
    return response


def _path(request: web.Request) -> str:
    """Return the target without its query, where passwords may be."""
    return request.raw_path.partition("?")[0]
