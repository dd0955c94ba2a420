"""What the router says itself instead of passing a request on: errors, redirects, links.

Plain values: ``lane`` puts them on the wire, ``errors`` hands them to the application.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import escape
from http import HTTPStatus

from opencoderouter.core.headers import Headers, get
from opencoderouter.core.plan import Links, Redirect, Unauthenticated
from opencoderouter.core.refusals import Refuse
from opencoderouter.proxy import login_page, pages
from opencoderouter.proxy.notice import HEADERS, notice

_WAIT = {502: 1, 503: 1}  # seconds until it makes sense to ask again
_PROGRAMS = ("/api/", "/.ocr/api/")
_JSON = "application/json"
_COMMAND = re.compile("`([^`]*)`")
_HTML = "text/html; charset=utf-8"
_BEARER = ("WWW-Authenticate", 'Bearer realm="OpenCodeRouter"')
_BASIC = ("WWW-Authenticate", 'Basic realm="OpenCodeRouter", charset="UTF-8"')
_UNKNOWN = Refuse(
    401,
    "unauthenticated",
    "This router answers to those who show its password or a token.",
    "`ocr-router password` on its machine shows the password; it goes with the user `opencode`.",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; ``headers`` have the type of ``body``, and nothing that frames it."""

    status: int
    headers: Headers
    body: bytes


def problem(refuse: Refuse, *, page: bool, headers: Headers = (), home: str = "") -> Answer:
    """Answer ``{error, detail, hint}``: a word for programs, what happened, what to do about it.

    As a small ``page`` for a browser that shows one; it leads to the dashboard at ``home``.
    """
    status = refuse.status
    if page:
        title = f"{status} {HTTPStatus(status).phrase}"
        way = f'<p><a href="{escape(home)}">All projects</a></p>' if home else ""
        text = notice(title, f"<p>{_marked(refuse.detail)}</p><p>{_marked(refuse.hint)}</p>{way}")
    else:
        fields = {"error": refuse.error, "detail": refuse.detail, "hint": refuse.hint}
        text = json.dumps(fields) + "\n"
    seconds = refuse.wait or _WAIT.get(status)
    wait = (("Retry-After", str(seconds)),) if seconds else ()
    kind = ("Content-Type", _HTML if page else _JSON)
    all_fields = (*HEADERS.items(), ("Vary", "Accept"), *wait, *headers, kind)
    return Answer(status, all_fields, text.encode("utf-8", "replace"))


def unauthenticated(plan: Unauthenticated) -> Answer:
    """Ask who it is (RFC 9110 section 15.5.2): by a form, or in the words of ``problem``."""
    asks = (_BEARER,) if plan.browser else (_BASIC, _BEARER)
    if not plan.page:
        return problem(_UNKNOWN, page=False, headers=asks)
    return form(plan.target, status=401, readable=plan.readable, headers=asks)


def form(to: str, *, status: int, readable: bool, alert: str = "", headers: Headers = ()) -> Answer:
    """Show the login form, which leads ``to`` a path of this host; ``alert`` is a word before."""
    text = login_page.form(to, alert=alert, readable=readable)
    vary = ("Vary", "Accept")
    all_fields = (*login_page.HEADERS.items(), vary, *headers, ("Content-Type", _HTML))
    return Answer(status, all_fields, text.encode())


def shows_page(target: str, accept: str) -> bool:
    """Tell whether a browser asks for something to show, not a program for data."""
    if target.startswith(_PROGRAMS):
        return False
    kinds = accept.lower().split(",")
    return any(kind.partition(";")[0].strip() == "text/html" for kind in kinds)


def accepted(headers: Headers) -> str:
    """Return the Accept field of a request."""
    return get(headers, "accept") or ""


def redirect(plan: Redirect) -> Answer:
    """Send the client elsewhere, this time."""
    location = (("Location", plan.location),)
    return Answer(plan.status, (*pages.HEADERS.items(), *location, *_varies(plan.varies)), b"")


def links(plan: Links) -> Answer:
    """Offer the addresses of a project (RFC 9110 section 15.4.1).

    The client came by IP address: which of the names its resolver knows cannot be told here.
    """
    items = "".join(
        f'<p><a href="{escape(way)}">{escape(text)}</a></p>' for text, way in plan.links
    )
    body = f"<p>This project has a host name of its own; use the one that opens:</p>{items}"
    text = notice(plan.project.name, body)
    headers = {**HEADERS, "Referrer-Policy": "same-origin"}  # they may lead by way of the router
    fields = (*headers.items(), *_varies(True), ("Content-Type", _HTML))  # noqa: FBT003 - it does
    return Answer(300, fields, text.encode("utf-8", "replace"))


def _marked(text: str) -> str:
    """Return a text as HTML; what stands in backticks is to be typed."""
    return _COMMAND.sub(r"<code>\1</code>", escape(text))


def _varies(varies: bool) -> Headers:  # noqa: FBT001 - it is all there is
    return (("Vary", "Accept, Sec-Fetch-Dest"),) if varies else ()
