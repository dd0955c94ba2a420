"""A request that goes on, ready to be sent; or the answer to one that does not."""

from __future__ import annotations

from dataclasses import dataclass

from opencoderouter.core import headers as fields
from opencoderouter.core.admission import Admission, admit
from opencoderouter.core.grant import Caller, Identified, to_json
from opencoderouter.core.hosts import ROUTER, Names, Own, classify, parse_authority
from opencoderouter.core.keyring import Keyring
from opencoderouter.core.model import Backend
from opencoderouter.core.plan import Forward, Head, Links, Local, Redirect, Unauthenticated, plan
from opencoderouter.core.refusals import Refuse
from opencoderouter.core.table import Table
from opencoderouter.proxy.answers import (
    Answer,
    accepted,
    links,
    problem,
    redirect,
    shows_page,
    unauthenticated,
)
from opencoderouter.proxy.context import IDENTITY
from opencoderouter.proxy.lane.bodies import NOTHING, Body, Chunked, Counted
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.pool import LOCAL
from opencoderouter.proxy.lane.request import Request, encode, read

_Declined = Redirect | Links | Unauthenticated | Refuse
Ear = tuple[bool, bool, str, str | None]
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # may be asked twice (RFC 9110 section 9.2.1)
_BAD = 400
_LISTED = frozenset({"unknown_project", "project_down"})
_NOBODY = Admission()


class Prepared:
    """What is sent for one request head, and to whom.

    ``admission`` may be nobody's, where everybody may ask; ``grant`` is what somebody was let in
    by. ``ear`` is all that the words of an answer depend on, but for the backend's.
    """

    __slots__ = (
        "admission",
        "again",
        "ear",
        "fixed",
        "grant",
        "head",
        "key",
        "plan",
        "prefix",
        "request",
        "upgrade",
    )

    def __init__(
        self, request: Request, plan: Forward | Local, head: bytes, admission: Admission
    ) -> None:
        self.request, self.plan, self.head = request, plan, head
        self.admission, self.grant = admission, admission.grant
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

    def head_for(self, backend: Backend | None) -> bytes:
        """Return what is sent to a backend of the project: each may have its own password."""
        plan = self.plan
        if self.fixed or backend is None or not isinstance(plan, Forward):
            return self.head
        return _onward(self.request, plan, backend)

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
    admission: Admission = _NOBODY


@dataclass(frozen=True, slots=True)
class View:
    """What decides about requests, besides what they say and who sends them.

    ``scheme`` is that of the listening socket.
    """

    table: Table
    names: Names
    limits: Limits
    keyring: Keyring
    scheme: str = "http"


def prepare(
    raw: bytes, caller: Caller, view: View, now: float, *, held: float = 0.0
) -> Prepared | Refused:
    """Return what to do about a request head from ``caller``.

    ``now`` is in POSIX seconds; passwords are not looked at for ``held`` seconds more.
    """
    request = read(raw, view.limits)
    if isinstance(request, Refuse):
        return Refused(problem(request, page=False), last=True, error=request.error)
    head = Head(request.method, request.target, request.headers, caller.address, view.scheme)
    admission = admit(head.target, head.headers, caller, view.keyring, now, held=held)
    decided = plan(head, view.table, view.names, admission)
    match decided:
        case Forward():
            sent = _onward(request, decided, decided.backend)
            return Prepared(request, decided, sent, admission)
        case Local():
            who = Identified(caller.origin, admission.grant)
            return Prepared(request, decided, _inward(request, head, who), admission)
        case _:
            return _refused(request, decided, admission, _home(decided, head, view.names))


def _refused(request: Request, plan: _Declined, admission: Admission, home: str) -> Refused:
    answer, error = _declined(request, plan, home)
    last = answer.status == _BAD or request.length != 0 or not request.keep
    return Refused(answer, last, request, error, admission)


def _declined(request: Request, plan: _Declined, home: str) -> tuple[Answer, str]:
    """Return what is said instead of an answer, and the word for it."""
    match plan:
        case Redirect():
            return redirect(plan), ""
        case Links():
            return links(plan), ""
        case Unauthenticated():
            return unauthenticated(plan), "unauthenticated"
        case Refuse():
            page = shows_page(request.target, accepted(request.headers))
            return problem(plan, page=page, home=home), plan.error


def _home(plan: _Declined, head: Head, names: Names) -> str:
    """Return where the dashboard is for who came by this host, when it tells more."""
    authority = parse_authority(head.host)
    if authority is None or not isinstance(plan, Refuse) or plan.error not in _LISTED:
        return ""
    if isinstance(classify(authority.host, names), Own):
        return "/"
    domain = authority.host.partition(".")[2]
    for host in (domain, f"{names.label(ROUTER)}.{domain}"):
        if isinstance(classify(host, names), Own):
            return f"{head.scheme}://{host}{authority.suffix}/"
    return ""


def _onward(request: Request, plan: Forward, backend: Backend) -> bytes:
    target, headers = plan.to(backend)
    return encode(f"{request.method} {target} HTTP/1.1", (*headers, *_framed(request)))


def _inward(request: Request, head: Head, who: Identified) -> bytes:
    """Return the head for our own application, which sees no network but us."""
    headers = fields.to_upstream(
        head.headers, peer=head.peer, host=head.host, scheme=head.scheme, prefix=""
    )
    told = (*headers, (IDENTITY, to_json(who)))
    return encode(f"{request.method} {request.target} HTTP/1.1", (*told, *_framed(request)))


def _framed(request: Request) -> fields.Headers:
    return (("Transfer-Encoding", "chunked"),) if request.length is None else ()
