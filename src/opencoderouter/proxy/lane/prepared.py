"""A request that goes on, ready to be sent; or the answer to one that does not."""

from __future__ import annotations

from dataclasses import dataclass

from opencoderouter.core import headers as fields
from opencoderouter.core.hosts import Names
from opencoderouter.core.plan import Forward, Head, Links, Local, Redirect, Refuse, plan
from opencoderouter.core.table import Table
from opencoderouter.proxy.answers import Answer, accepted, links, problem, redirect, shows_page
from opencoderouter.proxy.lane.bodies import NOTHING, Body, Chunked, Counted
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.pool import LOCAL
from opencoderouter.proxy.lane.request import Request, encode, read

Ear = tuple[bool, bool, str, str | None]
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # may be asked twice (RFC 9110 section 9.2.1)
_BAD = 400


class Prepared:
    """What is sent for one request head, and to whom.

    ``ear`` is all that the words of an answer depend on, but for the backend's.
    """

    __slots__ = (
        "again",
        "ear",
        "fixed",
        "head",
        "key",
        "plan",
        "prefix",
        "request",
        "upgrade",
    )

    def __init__(self, request: Request, plan: Forward | Local, head: bytes) -> None:
        self.request, self.plan, self.head = request, plan, head
        self.upgrade = fields.is_upgrade(request.headers)
        # Only such a request goes over a connection that was used before, and is asked again over
        # a new one when that turns out to be closed. Others could be done twice.
        self.again = request.method in _SAFE and request.length == 0
        forward = plan if isinstance(plan, Forward) else None
        self.key = forward.backend.listener.key if forward else LOCAL
        self.fixed = forward is None or forward.session is None  # always goes to the same backend
        self.prefix = forward.prefix if forward else ""
        host = fields.get(request.headers, "host") if self.prefix else None
        self.ear: Ear = (request.method == "HEAD", request.old, self.prefix, host)

    def upload(self) -> Body:
        """Return what takes in the request's body."""
        length = self.request.length
        if length is None:
            return Chunked()
        return Counted(length) if length else NOTHING


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer of our own. ``last``: nobody knows where the next request would begin."""

    answer: Answer
    last: bool
    request: Request | None = None
    error: str = ""


def prepare(
    raw: bytes, peer: str, table: Table, names: Names, limits: Limits
) -> Prepared | Refused:
    """Return what to do about a request head from ``peer``."""
    request = read(raw, limits)
    if isinstance(request, Refuse):
        return Refused(problem(request, page=False), last=True, error=request.error)
    head = Head(request.method, request.target, request.headers, peer)
    decided = plan(head, table, names)
    match decided:
        case Forward():
            return Prepared(request, decided, _onward(request, decided))
        case Local():
            return Prepared(request, decided, _inward(request, head))
        case Redirect():
            return _refused(request, redirect(decided))
        case Links():
            return _refused(request, links(decided))
        case Refuse():
            page = shows_page(request.target, accepted(request.headers))
            return _refused(request, problem(decided, page=page), decided.error)


def _refused(request: Request, answer: Answer, error: str = "") -> Refused:
    last = answer.status == _BAD or request.length != 0 or not request.keep
    return Refused(answer, last, request, error)


def _onward(request: Request, plan: Forward) -> bytes:
    return encode(f"{request.method} {plan.target} HTTP/1.1", (*plan.headers, *_framed(request)))


def _inward(request: Request, head: Head) -> bytes:
    """Return the head for our own application, which sees no network but us."""
    headers = fields.to_upstream(
        head.headers, peer=head.peer, host=head.host, scheme=head.scheme, prefix=""
    )
    return encode(f"{request.method} {request.target} HTTP/1.1", (*headers, *_framed(request)))


def _framed(request: Request) -> fields.Headers:
    return (("Transfer-Encoding", "chunked"),) if request.length is None else ()
