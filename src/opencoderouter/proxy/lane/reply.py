"""The head of a backend's answer, and what the client gets instead of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from opencoderouter.core import headers as fields
from opencoderouter.core.headers import Headers
from opencoderouter.core.responses import SANDBOX, UNFRAMED, to_client
from opencoderouter.proxy.lane.bodies import LAST, NOTHING, Body, Chunked, Counted, Open
from opencoderouter.proxy.lane.request import DIGITS, Request, decode, encode

_SWITCHING = 101
_FINAL = 200
_BODILESS = frozenset({204, 304})  # RFC 9110 sections 15.3.5 and 15.4.5
_FIELDS = 256
# llhttp also takes other protocols, versions, statuses, and control characters in the reason.
_START = re.compile(rb"HTTP/1\.[01] [1-9][0-9]{2}(?: [\t \x21-\x7e\x80-\xff]*)?\r\n")


class Framing(Enum):
    """How the end of an answer's body is told (RFC 9112 section 6.3)."""

    EMPTY = "there is none"
    COUNTED = "by Content-Length"
    CHUNKED = "by the last chunk"
    OPEN = "by the end of the connection"


@dataclass(frozen=True, slots=True)
class Reply:
    """A backend's answer without its body, in the words for one client.

    ``keep`` and ``last`` are the head for a connection that goes on, and for one that ends.
    ``reusable``: the backend's connection may serve another request after this.
    """

    status: int
    framing: Framing
    length: int
    old: bool
    reusable: bool
    stream: bool
    keep: bytes
    last: bytes

    @property
    def interim(self) -> bool:
        """Tell whether another answer follows (RFC 9110 section 15.2)."""
        return self.status < _FINAL and not self.switches

    @property
    def switches(self) -> bool:
        """Tell whether what follows is not HTTP."""
        return self.status == _SWITCHING

    @property
    def bounded(self) -> bool:
        """Tell whether the client sees the end of the body without the end of the connection."""
        return not self.old or self.framing in {Framing.EMPTY, Framing.COUNTED}

    @property
    def ending(self) -> bytes:
        """Return what ends a body before its time, as if it were whole; nothing where none can."""
        endless = self.framing in {Framing.CHUNKED, Framing.OPEN}
        return LAST if endless and not self.old else b""

    def body(self) -> Body:
        """Return what takes in the body."""
        match self.framing:
            case Framing.EMPTY:
                return NOTHING
            case Framing.COUNTED:
                return Counted(self.length) if self.length else NOTHING
            case Framing.CHUNKED:
                return Chunked(raw=self.old)
            case Framing.OPEN:
                return Open(raw=self.old)


def read(head: bytes, request: Request, *, prefix: str = "", authority: str = "") -> Reply | None:
    """Return what a whole head says to the client of ``request``; None when it makes no sense.

    ``authority`` is the backend's; empty when the router itself answers. In path mode ``prefix`` is
    put before what leads there.
    """
    if _START.match(head) is None:
        return None
    parsed = _Parsed()
    parser = parsed.parser = HttpResponseParser(parsed)
    # A length beside chunks is a lie (RFC 9112 section 6.3), and is taken away.
    parser.set_dangerous_leniencies(lenient_chunked_length=True)
    try:
        parser.feed_data(head)
    except HttpParserUpgrade:
        pass
    except HttpParserError:
        return None
    if not parsed.complete or len(parsed.fields) > _FIELDS:
        return None
    return _reply(parser, parsed, request, prefix, authority)


class _Parsed:
    """Hears what the parser finds."""

    parser: HttpResponseParser

    def __init__(self) -> None:
        self.reason = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.complete = self.keep = False

    def on_status(self, reason: bytes) -> None:
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self.complete = True
        self.keep = self.parser.should_keep_alive()  # forgotten at the end of the message


def _reply(
    parser: HttpResponseParser, parsed: _Parsed, request: Request, prefix: str, authority: str
) -> Reply | None:
    status, headers = parser.get_status_code(), decode(parsed.fields)
    framing = _framing(request.method, status, headers)
    length = fields.get(headers, "content-length") or "0"
    if framing is None or len(length) > DIGITS:
        return None
    kept = _kept(headers, request, prefix, authority)
    kind = (fields.get(headers, "content-type") or "").lower()
    if authority and status >= _FINAL:
        kept = (*kept, *_boxed(prefix, kind))
    if fields.get(headers, "transfer-encoding") is not None:
        kept = tuple((k, v) for k, v in kept if k.lower() != "content-length")
    chunked = not request.old and framing in {Framing.CHUNKED, Framing.OPEN}
    mine = (*kept, *((("Transfer-Encoding", "chunked"),) if chunked else ()))
    reason = parsed.reason.decode("utf-8", "surrogateescape")
    start = f"HTTP/1.1 {status} {reason}"
    if status == _SWITCHING:
        upgrade = fields.get(headers, "upgrade") or ""
        mine = (*kept, ("Connection", "Upgrade"), ("Upgrade", upgrade))
    head = encode(start, mine)[:-2]
    return Reply(
        status=status,
        framing=framing,
        length=int(length),
        old=request.old,
        reusable=framing is not Framing.OPEN and parsed.keep,
        stream=kind.startswith("text/event-stream"),
        keep=head + (b"Connection: keep-alive\r\n\r\n" if request.old else b"\r\n"),
        last=head + b"Connection: close\r\n\r\n",
    )


def _kept(headers: Headers, request: Request, prefix: str, authority: str) -> Headers:
    if not authority:
        return fields.end_to_end(headers)
    host = fields.get(request.headers, "host") or ""
    return to_client(headers, prefix=prefix, authorities=[authority.lower(), host.lower()])


def _boxed(prefix: str, kind: str) -> Headers:
    """Return what keeps a project's page apart from others."""
    if prefix:
        return SANDBOX
    return UNFRAMED if kind.startswith(("text/html", "application/xhtml", "image/svg")) else ()


def _framing(method: str, status: int, headers: Headers) -> Framing | None:
    codings = fields.by_name(headers).get("transfer-encoding", ())
    if codings and ",".join(codings).lower() != "chunked":
        return None
    if method == "HEAD" or status in _BODILESS or status < _FINAL:
        return Framing.EMPTY
    if codings:
        return Framing.CHUNKED
    measured = fields.get(headers, "content-length") is not None
    return Framing.COUNTED if measured else Framing.OPEN
