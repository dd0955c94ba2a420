"""Errors of the application, in the words of ``answers``."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from opencoderouter.core.refusals import Refuse
from opencoderouter.proxy.answers import Answer, problem, shows_page


def error(
    request: web.BaseRequest,
    status: int,
    error: str,
    detail: str,
    hint: str,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer ``{error, detail, hint}``, or a page when a browser asks for one."""
    return refused(request, Refuse(status, error, detail, hint), headers)


def refused(
    request: web.BaseRequest, refuse: Refuse, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Answer with a refusal of the core."""
    page = shows_page(request.raw_path, request.headers.get("Accept", ""))
    extra = tuple((headers or {}).items())
    return respond(request, problem(refuse, page=page, headers=extra))


def respond(request: web.BaseRequest, answer: Answer) -> web.Response:
    """Hand an answer to the application.

    The connection is closed when the request has a body that nobody is going to read.
    """
    response = web.Response(status=answer.status, body=answer.body, headers=answer.headers)
    if not request.content.is_eof():
        response.force_close()
    return response
