"""Answers of our own as bytes."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus

from opencoderouter.proxy.answers import Answer
from opencoderouter.proxy.lane.request import Request, encode


def encoded(answer: Answer, request: Request | None, *, last: bool) -> bytes:
    """Return a whole answer to ``request``, or to what was none. ``last``: nothing follows it."""
    old = request is not None and request.old
    connection = "close" if last else "keep-alive" if old else ""
    headers = (
        *answer.headers,
        ("Content-Length", str(len(answer.body))),
        ("Date", formatdate(usegmt=True)),
        *((("Connection", connection),) if connection else ()),
    )
    head = encode(f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", headers)
    return head if request is not None and request.method == "HEAD" else head + answer.body
