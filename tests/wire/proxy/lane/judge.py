"""A strict reader of HTTP/1.1 messages (RFC 9112) that shares nothing with the router's own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, repeat

Fields = tuple[tuple[bytes, bytes], ...]

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TEXT = rb"[\t\x20-\x7e\x80-\xff]*"
_FIELD = re.compile(rb"(%b):(%b)" % (_TOKEN, _TEXT))
_FORWARDED = re.compile(_TOKEN + rb" /[\x21-\x7e]* HTTP/1\.1")  # what a backend may be asked
_ASKED = re.compile(_TOKEN + rb" [\x21-\x7e]+ HTTP/1\.[01]")
_STATUS = re.compile(rb"HTTP/1\.1 [1-5][0-9][0-9] " + _TEXT)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;%b)?" % _TEXT)
_LENGTH = re.compile(rb"[0-9]{1,19}")
_NEVER_TRAILS = frozenset(b"host content-length transfer-encoding connection trailer te".split())


class Nonsense(Exception):  # noqa: N818 - what the bytes are
    """No HTTP message."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; how its body was framed does not show. ``end`` is where the next one begins.

    One that is not ``whole`` is the well-formed beginning of one.
    """

    start: bytes
    fields: Fields = ()
    body: bytes = b""
    trailers: Fields = ()
    whole: bool = True
    end: int = field(default=0, compare=False)

    def all(self, name: bytes) -> list[bytes]:
        """Return the values of all fields of a name, which is in lower case."""
        return [value for key, value in self.fields if key.lower() == name]

    @property
    def status(self) -> int:
        """Return the status code of an answer."""
        return int(self.start[9:12])


def requests(data: bytes, *, forwarded: bool = True) -> list[Message]:
    """Return all messages in what a server was sent. Raises Nonsense.

    ``forwarded`` ones have a start line as a proxy sends it to an origin server.
    """
    result: list[Message] = []
    while (at := result[-1].end if result else 0) < len(data):
        message = _request(data, at, _FORWARDED if forwarded else _ASKED)
        result.append(message)
        if not message.whole:
            break
    return result


def prefix(data: bytes) -> list[Message]:
    """Return the whole requests with which bytes begin, whatever follows."""
    result: list[Message] = []
    while (at := result[-1].end if result else 0) < len(data):
        while data.startswith(b"\r\n", at):  # RFC 9112 section 2.2: at least one
            at += 2
        try:
            message = _request(data, at, _ASKED)
        except Nonsense:
            break
        if not message.whole:
            break
        result.append(message)
    return result


def answers(data: bytes, methods: Iterable[bytes] = (), *, ended: bool = True) -> list[Message]:
    """Return all answers in what a client got, interim ones included. Raises Nonsense.

    ``methods`` are those it asked with, GET for all others. After 101 the body is the tunnel.
    """
    asked = chain(methods, repeat(b"GET"))
    result: list[Message] = []
    method = next(asked)
    while (at := result[-1].end if result else 0) < len(data):
        message = _answer(data, at, method, ended=ended)
        result.append(message)
        if not message.whole:
            break
        if message.status >= 200:
            method = next(asked)
    return result


def _request(data: bytes, at: int, shape: re.Pattern[bytes]) -> Message:
    start, fields, body = _head(data, at, shape)
    message = Message(start, fields, whole=False, end=len(data))
    if body is None:
        return message
    if len(message.all(b"host")) != 1:
        raise Nonsense("not one Host")
    if shape is _ASKED and start.endswith(b"1.0") and message.all(b"transfer-encoding"):
        raise Nonsense("chunks in HTTP/1.0")
    return _bodied(data, body, message, _length(message) or 0)


def _answer(data: bytes, at: int, method: bytes, *, ended: bool) -> Message:
    start, fields, body = _head(data, at, _STATUS)
    message = Message(start, fields, whole=False, end=len(data))
    if body is None:
        return message
    length = _length(message)
    if message.status == 101:
        return Message(start, fields, data[body:], end=len(data))
    if message.status < 200 or message.status in {204, 304} or method == b"HEAD":
        return Message(start, fields, end=body)
    if length is None and not message.all(b"transfer-encoding"):
        return Message(start, fields, data[body:], whole=ended, end=len(data))
    return _bodied(data, body, message, length or 0)


def _head(data: bytes, at: int, shape: re.Pattern[bytes]) -> tuple[bytes, Fields, int | None]:
    end = data.find(b"\r\n\r\n", at)
    lines = data[at : end if end >= 0 else len(data)].split(b"\r\n")
    known = lines if end >= 0 else lines[:-1]
    if known and not shape.fullmatch(known[0]):
        raise Nonsense(f"start line {known[0][:80]!r}")
    return lines[0], tuple(_field(line) for line in known[1:]), end + 4 if end >= 0 else None


def _field(line: bytes) -> tuple[bytes, bytes]:
    match = _FIELD.fullmatch(line)
    if match is None:
        raise Nonsense(f"field {line[:80]!r}")
    return match[1], match[2].strip(b" \t")


def _length(message: Message) -> int | None:
    """Return the length that a message says it has. Raises Nonsense, also for two framings."""
    lengths, codings = message.all(b"content-length"), message.all(b"transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise Nonsense(f"framed by {lengths} and {codings}")
    if codings and codings[0].lower() != b"chunked":
        raise Nonsense(f"coding {codings}")
    if lengths and not _LENGTH.fullmatch(lengths[0]):
        raise Nonsense(f"length {lengths}")
    return int(lengths[0]) if lengths else None


def _bodied(data: bytes, at: int, head: Message, length: int) -> Message:
    if not head.all(b"transfer-encoding"):
        end, whole = min(at + length, len(data)), at + length <= len(data)
        return Message(head.start, head.fields, data[at:end], (), whole, end)
    body, trailers, after = _chunks(data, at)
    whole = after is not None
    return Message(head.start, head.fields, body, trailers, whole, after or len(data))


def _chunks(data: bytes, at: int) -> tuple[bytes, Fields, int | None]:
    """Return body, trailers and where they end; no such place when they were cut off."""
    body = b""
    while (end := data.find(b"\r\n", at)) >= 0:
        size = _SIZE.fullmatch(data[at:end])
        if size is None:
            raise Nonsense(f"chunk size {data[at:end][:80]!r}")
        length, at = int(size[1], 16), end + 2
        if not length:
            return _trailers(data, at, body)
        body += data[at : at + length]
        at += length
        if not b"\r\n".startswith(data[at : at + 2]):
            raise Nonsense(f"after a chunk {data[at : at + 2]!r}")
        at += 2
    if b"\n" in data[at:]:
        raise Nonsense("a bare LF among chunks")
    return body, (), None


def _trailers(data: bytes, at: int, body: bytes) -> tuple[bytes, Fields, int | None]:
    trailers: list[tuple[bytes, bytes]] = []
    while (end := data.find(b"\r\n", at)) >= 0:
        if end == at:
            return body, tuple(trailers), end + 2
        trailers.append(_field(data[at:end]))
        if trailers[-1][0].lower() in _NEVER_TRAILS:
            raise Nonsense(f"trailer {trailers[-1]}")
        at = end + 2
    return body, tuple(trailers), None
