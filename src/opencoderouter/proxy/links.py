"""Answers that lead elsewhere: a redirect, or a page with links where a name may not resolve."""

from __future__ import annotations

from html import escape

from aiohttp import web

from opencoderouter.core.plan import Links, Redirect
from opencoderouter.proxy import pages
from opencoderouter.proxy.notice import HEADERS, notice


def redirect(request: web.BaseRequest, plan: Redirect) -> web.Response:
    """Send the client elsewhere, this time."""
    headers = {**pages.HEADERS, "Location": plan.location}
    return _answer(request, plan.status, headers, varies=plan.varies)


def links(request: web.BaseRequest, plan: Links) -> web.Response:
    """Offer the addresses of a project (RFC 9110 section 15.4.1).

    The client came by IP address: which of the names its resolver knows cannot be told here.
    """
    items = "".join(f'<p><a href="{escape(link)}">{escape(link)}</a></p>' for link in plan.links)
    body = f"<p>This project has a host name of its own; use the one that opens:</p>{items}"
    text = notice(plan.project.name, body)
    return _answer(request, 300, HEADERS, text=text, varies=True)


def _answer(
    request: web.BaseRequest,
    status: int,
    headers: dict[str, str],
    *,
    text: str = "",
    varies: bool,
) -> web.Response:
    if varies:
        headers = {**headers, "Vary": "Accept, Sec-Fetch-Dest"}
    kind = "text/html" if text else "text/plain"
    body = text.encode("utf-8", "replace")
    response = web.Response(
        status=status, body=body, headers=headers, content_type=kind, charset="utf-8"
    )
    if not request.content.is_eof():
        response.force_close()
    return response
