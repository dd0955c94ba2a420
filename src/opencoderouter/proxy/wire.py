"""Heads of HTTP messages between bytes and text: what came in goes out byte for byte.

Bytes are decoded as UTF-8; those that are not come and go as surrogates (PEP 383).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp.http import HttpVersion, HttpVersion11, RawResponseMessage

from opencoderouter.core import headers as fields
from opencoderouter.core.headers import Headers

_BODILESS = frozenset({204, 304})  # RFC 9110 sections 15.3.5 and 15.4.5
CHUNKED = ("Transfer-Encoding", "chunked")

# OpenCode itself refuses a target, and a block of fields, above 16 KiB: it gets to say so.
LINE = 32 * 1024  # octets of a request target or of a reason
FIELD = 64 * 1024  # octets of one header field; another number than LINE, to tell them apart
FIELDS = 256  # header fields of one message
BUFFER = 64 * 1024  # octets of a body that are held before its sender is made to wait


def decode(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return header fields as text."""
    return tuple((_text(name), _text(value)) for name, value in raw)


def encode(start: str, headers: Headers) -> bytes:
    """Return a whole head: start line, fields, empty line."""
    lines = (start, *(f"{name}: {value}" for name, value in headers), "", "")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Framing:
    """How the end of an answer's body is told to the client (RFC 9112 section 6).

    When neither ``chunked`` nor ``measured`` the end of the connection is the end of the body.
    """

    empty: bool
    measured: bool
    chunked: bool

    @property
    def persistent(self) -> bool:
        """Tell whether another answer may follow on the connection."""
        return self.empty or self.measured or self.chunked


def framing(method: str, version: HttpVersion, reply: RawResponseMessage) -> Framing:
    """Return how to pass on a backend's final answer to a request."""
    empty = method == "HEAD" or reply.code in _BODILESS
    measured = not reply.chunked and "Content-Length" in reply.headers
    chunked = not empty and not measured and version >= HttpVersion11
    return Framing(empty, measured, chunked)


def connection(version: HttpVersion, *, keep: bool) -> Headers:
    """Return the Connection field for a client, where it must be told (RFC 9112 section 9.3)."""
    if keep:
        return () if version >= HttpVersion11 else (("Connection", "keep-alive"),)
    return (("Connection", "close"),)


def reply_head(
    reply: RawResponseMessage, headers: Headers, how: Framing, connection: Headers
) -> bytes:
    """Return the head of an answer; ``headers`` are its end-to-end fields."""
    if reply.chunked:  # a length beside it is a lie (RFC 9112 section 6.3)
        headers = tuple((k, v) for k, v in headers if k.lower() != "content-length")
    frame = (CHUNKED,) if how.chunked else ()
    return encode(status_line(reply), (*headers, *frame, *connection))


def switch_head(reply: RawResponseMessage, headers: Headers) -> bytes:
    """Return the head of a ``101 Switching Protocols``; ``headers`` are its end-to-end fields."""
    protocol = fields.get(decode(reply.raw_headers), "upgrade") or ""
    return encode(status_line(reply), (*headers, ("Connection", "Upgrade"), ("Upgrade", protocol)))


def status_line(reply: RawResponseMessage) -> str:
    """Return the first line of an answer. We speak HTTP/1.1 whatever the backend speaks."""
    return f"HTTP/1.1 {reply.code} {reply.reason}"
