"""The head of a request, read by llhttp in its strictest mode (RFC 9112 sections 2 to 6)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from httptools import (
    HttpParserError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from opencoderouter.core.headers import Fields, Headers, get
from opencoderouter.core.refusals import Refuse
from opencoderouter.proxy.lane.limits import Limits
from opencoderouter.proxy.lane.refusals import MALFORMED, NOT_TLS, UNKNOWN_CODING, UNKNOWN_VERSION

DIGITS = 18  # of a length; no body is that long
END = b"\r\n\r\n"
# One space each, and this protocol (RFC 9112 section 3): llhttp also takes more, and RTSP.
_START = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^ \r\n]+ HTTP/[0-9]\.[0-9]\r\n")
_NO_START = re.compile(rb"[^A-Za-z\r]|\r[^\n]")
_TLS = b"\x16\x03"  # how a client of TLS begins (RFC 8446 section 5.1)
_VERSIONS = frozenset({"1.0", "1.1"})
_CODINGS = frozenset({"", "chunked"})


@dataclass(frozen=True, slots=True)
class Request:
    """A request without its body.

    Bytes are text as UTF-8; those that are not come and go as surrogates (PEP 383). ``length`` is
    None when the body comes in chunks. ``keep``: the client wants to use the connection again.
    """

    method: str
    target: str
    headers: Headers
    length: int | None
    keep: bool
    old: bool  # HTTP/1.0: no chunks, no interim answers


def too_long(begun: bytes, limits: Limits) -> Refuse | None:
    """Tell whether a head, whole or only begun, is longer than allowed."""
    line = begun.find(b"\r\n")
    if (len(begun.removesuffix(b"\r")) if line < 0 else line) > limits.request_line:
        detail = f"The request line has more than {limits.request_line} octets."
        return Refuse(414, "target_too_long", detail, "Send a shorter target.")
    if len(begun) > limits.header_size:
        detail = f"The head of the request has more than {limits.header_size} octets."
        return Refuse(431, "fields_too_large", detail, "Send fewer or shorter fields.")
    return None


def hopeless(begun: bytes) -> Refuse | None:
    """Tell why what has come of a head cannot become one: it need not be waited for."""
    if begun.startswith(_TLS):
        return NOT_TLS
    bare = begun.count(b"\n") != begun.count(b"\r\n")
    return MALFORMED if bare or _NO_START.match(begun) else None


def read(head: bytes, limits: Limits) -> Request | Refuse:
    """Return what a whole head says; it ends with its empty line."""
    if refusal := too_long(head, limits):
        return refusal
    if _START.match(head) is None:
        return MALFORMED
    parsed = _Parsed()
    parser = parsed.parser = HttpRequestParser(parsed)
    try:
        parser.feed_data(head)
    except HttpParserUpgrade:
        pass  # what follows is looked at when the backend has agreed
    except HttpParserError as error:
        known = isinstance(error, HttpParserInvalidURLError) or parsed.coding() in _CODINGS
        return MALFORMED if known else UNKNOWN_CODING
    if not parsed.complete:
        return MALFORMED
    if len(parsed.fields) > limits.header_fields:
        detail = f"There are more than {limits.header_fields} header fields."
        return Refuse(431, "fields_too_large", detail, "Send fewer.")
    return _request(parser, parsed)


class _Parsed:
    """Hears what the parser finds."""

    parser: HttpRequestParser

    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.complete = self.keep = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self.complete = True
        self.keep = self.parser.should_keep_alive()  # forgotten at the end of the message

    def coding(self) -> str:
        codings = [v for name, v in self.fields if name.lower() == b"transfer-encoding"]
        return b",".join(codings).decode("latin-1").strip(" \t").lower()


def _request(parser: HttpRequestParser, parsed: _Parsed) -> Request | Refuse:
    version, coding = parser.get_http_version(), parsed.coding()
    if version not in _VERSIONS:
        return UNKNOWN_VERSION
    if coding not in _CODINGS:
        return UNKNOWN_CODING
    old = version == "1.0"
    headers = decode(parsed.fields)
    length = get(headers, "content-length") or "0"
    if (coding and old) or len(length) > DIGITS:
        return MALFORMED  # RFC 9112 section 6.1: chunks in HTTP/1.0 are faulty
    return Request(
        method=parser.get_method().decode(),
        target=parsed.url.decode(),
        headers=headers,
        length=None if coding else int(length),
        keep=parsed.keep,
        old=old,
    )


def decode(fields: list[tuple[bytes, bytes]]) -> Fields:
    """Return header fields as text."""
    return Fields(
        [
            (name.decode(), value.strip(b" \t").decode("utf-8", "surrogateescape"))
            for name, value in fields
        ]
    )


def encode(start: str, headers: Headers) -> bytes:
    """Return a whole head: start line, fields, empty line."""
    lines = [start, *[f"{name}: {value}" for name, value in headers], "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")
