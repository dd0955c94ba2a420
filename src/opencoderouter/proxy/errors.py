"""Answers that are no success: JSON for programs, a small page for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from http import HTTPStatus

from aiohttp import web

from opencoderouter.proxy.notice import HEADERS, notice

_WAIT = {502: "1", 503: "1"}  # seconds until it makes sense to ask again
_PROGRAMS = ("/api/", "/.ocr/api/")


def error(
    request: web.BaseRequest,
    status: int,
    error: str,
    detail: str,
    hint: str,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Answer ``{error, detail, hint}``: a word for programs, what happened, what to do about it.

    A browser that shows a page gets them as a page. The connection is closed when the request has
    a body that nobody is going to read.
    """
    fields = {**HEADERS, "Vary": "Accept", **(headers or {})}
    if status in _WAIT:
        fields["Retry-After"] = _WAIT[status]
    if shows_page(request):
        title = f"{status} {HTTPStatus(status).phrase}"
        text = notice(title, f"<p>{escape(detail)}</p><p>{escape(hint)}</p>")
        kind = "text/html"
    else:
        text = json.dumps({"error": error, "detail": detail, "hint": hint}) + "\n"
        kind = "application/json"
    body = text.encode("utf-8", "replace")
    charset = "utf-8" if kind == "text/html" else None
    response = web.Response(
        status=status, body=body, headers=fields, content_type=kind, charset=charset
    )
    if not request.content.is_eof():
        response.force_close()
    return response


def shows_page(request: web.BaseRequest) -> bool:
    """Tell whether a browser asks for something to show, not a program for data."""
    if request.raw_path.startswith(_PROGRAMS):
        return False
    kinds = request.headers.get("Accept", "").lower().split(",")
    return any(kind.partition(";")[0].strip() == "text/html" for kind in kinds)
