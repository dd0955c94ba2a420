"""Errors of the application, in the words of ``answers``."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from opencoderouter.core.plan import Refuse
from opencoderouter.proxy.answers import problem, shows_page


def error(
    request: web.BaseRequest,
    status: int,
    error: str,
    detail: str,
    hint: str,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer ``{error, detail, hint}``, or a page when a browser asks for one.

    The connection is closed when the request has a body that nobody is going to read.
    """
    page = shows_page(request.raw_path, request.headers.get("Accept", ""))
    extra = tuple((headers or {}).items())
    answer = problem(Refuse(status, error, detail, hint), page=page, headers=extra)
    response = web.Response(status=answer.status, body=answer.body, headers=answer.headers)
    if not request.content.is_eof():
        response.force_close()
    return response
