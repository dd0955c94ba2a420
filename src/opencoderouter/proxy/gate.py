"""The gate: every request passes it, gets its plan, and is acted on accordingly."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus

from aiohttp import web
from aiohttp.http import HttpVersion10, HttpVersion11
from aiohttp.typedefs import Handler, Middleware

from opencoderouter.core.headers import tokens
from opencoderouter.core.plan import Forward, Head, Links, Local, Redirect, Refuse, plan
from opencoderouter.proxy import wire
from opencoderouter.proxy.context import Context
from opencoderouter.proxy.errors import error
from opencoderouter.proxy.forward import Forwarder
from opencoderouter.proxy.links import links, redirect

log = logging.getLogger(__name__)

Running = set[asyncio.Task[object]]
RUNNING = web.AppKey("running", Running)  # the requests that are being answered


def gate(context: Context, forwarder: Forwarder, running: Running) -> Middleware:
    """Return the middleware."""

    @web.middleware
    async def pass_gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is not None:
            running.add(task)
            task.add_done_callback(running.discard)
        try:
            response = await _act(request, handler, context, forwarder)
        except web.HTTPException as failure:
            response = _told(request, failure)
        except web.RequestPayloadError:
            response = _malformed(request)
        except Exception:
            if _is_gone(request):
                return web.Response()  # that nobody gets
            log.exception("failed method=%s path=%s", request.method, _path(request))
            response = _failed(request)
        if context.closing.is_set():
            response.force_close()
        return response

    return pass_gate


async def _act(
    request: web.Request, handler: Handler, context: Context, forwarder: Forwarder
) -> web.StreamResponse:
    if refusal := _unspoken(request):
        return refusal
    decided = plan(_head(request), context.registry.table, context.names)
    match decided:
        case Forward():
            return await forwarder.forward(request, decided)
        case Local():
            return await _local(request, handler)
        case Redirect():
            return redirect(request, decided)
        case Links():
            return links(request, decided)
        case Refuse(status, word, detail, hint):
            response = error(request, status, word, detail, hint)
            if status == HTTPStatus.BAD_REQUEST:
                response.force_close()  # who knows where the next request would begin
            return response


def _head(request: web.Request) -> Head:
    return Head(
        method=request.method,
        target=request.raw_path,
        headers=wire.decode(request.raw_headers),
        peer=request.remote or "",
        scheme=request.scheme,
    )


async def _local(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer ourselves. Whoever waits for a sign to send the body gets it now."""
    expected = any(name.lower() == b"expect" for name, _ in request.raw_headers)
    if expected and request.version >= HttpVersion11 and request.body_exists:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun
    return await handler(request)


def _unspoken(request: web.Request) -> web.Response | None:
    """Refuse what nobody here understands: other versions of HTTP, other codings than chunks."""
    if request.version not in {HttpVersion10, HttpVersion11}:
        detail = "This is a server for HTTP/1.1."
        return error(request, 505, "version_not_supported", detail, "Ask in HTTP/1.1.")
    codings = tokens(wire.decode(request.raw_headers), "transfer-encoding")
    if codings - {"chunked"}:
        detail = "The only transfer coding that is understood here is `chunked`."
        return error(request, 501, "unknown_transfer_coding", detail, "Send the body as it is.")
    return None


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


def _is_gone(request: web.Request) -> bool:
    """Tell whether the client has hung up: what fails to reach it is no failure."""
    return request.transport is None or request.transport.is_closing()


def _path(request: web.Request) -> str:
    """Return the target without its query, where passwords may be."""
    return request.raw_path.partition("?")[0]
