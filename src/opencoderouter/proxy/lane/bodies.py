"""Where the body of a message ends, and what of it goes on (RFC 9112 sections 6 and 7).

Each kind of body takes in bytes as they come and returns those to send to the next hop, framed for
it, and those that belong to no body any more. What is kept in between is bounded.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

_PLAIN = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})")
# Extensions are checked and dropped (section 7.1.1). A CR or LF within could hide a chunk.
# Nothing here matches in two ways, and what has matched is kept (``++``, ``*+``): a line that does
# not fit is found out in one go.
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*+"'
_EXTENSIONS = re.compile(rb"(?:;%b(?:=(?:%b|%b))?)*+" % (_TOKEN, _TOKEN, _QUOTED))
_FIELD = re.compile(rb"(%b):([\t \x21-\x7e\x80-\xff]*+)" % _TOKEN)
_LINE = 16 * 1024  # octets of a chunk's size with its extensions, or of a trailer field
_TRAILERS = 16 * 1024  # octets of all trailer fields
# Fields that say how to read or route a message, or who asks, mean nothing when they come late
# (RFC 9110 section 6.5.1).
_NOT_LATE = re.compile(
    rb"(?i)connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|content-.*|"
    rb"authorization|cookie|set-cookie|www-authenticate|cache-control|expect|max-forwards|pragma|"
    rb"range|age|date|expires|location|retry-after|vary|warning|origin|if-.*|forwarded|"
    rb"x-forwarded-.*|x-real-ip"
)


class BadBody(ValueError):  # noqa: N818 - an expected end, not a broken promise
    """The bytes are not what the head says. Nothing after them can be understood."""


class Body(Protocol):
    """The rest of a message, behind its head."""

    done: bool

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what to pass on, and what lies behind the end. Raises BadBody."""
        ...

    def close(self) -> bytes:
        """Return the last bytes to pass on when the sender has finished. Raises BadBody."""
        ...


class Counted:
    """A body of a length that is known."""

    __slots__ = ("_left", "done")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Pass on as many octets as were announced."""
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data, b""
        end = self._left
        self._left, self.done = 0, True
        return (data, b"") if left == 0 else (data[:end], data[end:])

    def close(self) -> bytes:
        """Take an end for what it is: too early."""
        raise BadBody("too short")


class Open:
    """A body that ends with its connection; passed on in chunks, or as it is (``raw``)."""

    __slots__ = ("_raw", "done")

    def __init__(self, *, raw: bool) -> None:
        self._raw, self.done = raw, False

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Pass everything on."""
        return (data if self._raw else chunk(data)), b""

    def close(self) -> bytes:
        """Take the end for the end."""
        self.done = True
        return b"" if self._raw else LAST


class Chunked:
    """A body in chunks; passed on in chunks of our own cut, or as it is (``raw``).

    Trailers are passed on where the next hop gets chunks, but for those that came too late to mean
    anything.
    """

    __slots__ = ("_held", "_kept", "_left", "_raw", "_state", "_trailers", "done")

    def __init__(self, *, raw: bool = False) -> None:
        self._raw, self.done = raw, False
        self._state = _SIZES
        self._left = 0  # octets of the chunk that is being read
        self._held = b""  # a line that is not whole yet
        self._trailers: list[bytes] = []
        self._kept = 0  # octets of all trailers so far

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Pass on what the chunks hold."""
        if self._held:
            data, self._held = self._held + data, b""
        parts: list[bytes] = []
        at, size = 0, len(data)
        while at < size and not self.done:
            if self._state == _SIZES:
                at = _whole(data, at, parts)
            if self._state == _DATA:
                parts.append(data[at : at + self._left])
                at = self._take(at, len(parts[-1]))
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                self._hold(data[at:])
                at = size
            else:
                self._read(data[at:end])
                at = end + 2
        return self._framed(b"".join(parts)), data[at:]

    def close(self) -> bytes:
        """Take an end for what it is: too early."""
        raise BadBody("no last chunk")

    def _take(self, at: int, count: int) -> int:
        self._left -= count
        if not self._left:
            self._state = _BREAK
        return at + count

    def _hold(self, begun: bytes) -> None:
        """Keep a line that is not whole yet."""
        bare = b"\n" in begun or (self._state == _BREAK and begun != b"\r")
        if bare or len(begun) > _LINE:
            raise BadBody("a line that does not end as it should")
        self._held = begun

    def _read(self, line: bytes) -> None:
        if self._state == _BREAK:
            if line:
                raise BadBody("a chunk is longer than its size")
            self._state = _SIZES
        elif self._state == _SIZES:
            self._left = _chunk_size(line)
            self._state = _DATA if self._left else _TAIL
        elif line:
            self._keep(line)
        else:
            self.done = True

    def _keep(self, line: bytes) -> None:
        self._kept += len(line)
        if self._kept > _TRAILERS:
            raise BadBody("too many trailers")
        field = _FIELD.fullmatch(line)
        if field is None:
            raise BadBody("not a trailer field")
        if not _NOT_LATE.fullmatch(field[1]):
            self._trailers.append(b"%b: %b\r\n" % (field[1], field[2].strip(b" \t")))

    def _framed(self, payload: bytes) -> bytes:
        if self._raw:
            return payload
        framed = chunk(payload) if payload else b""
        if not self.done:
            return framed
        return b"%b0\r\n%b\r\n" % (framed, b"".join(self._trailers))


_SIZES: Final = 0  # a line with the size of a chunk is next
_DATA: Final = 1
_BREAK: Final = 2  # the end of the line after a chunk
_TAIL: Final = 3  # trailer fields, or the empty line at the end
LAST = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Return ``data``, which is not empty, as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _whole(data: bytes, at: int, parts: list[bytes]) -> int:
    """Take plain chunks that are there to their ends, which most are; return where they end."""
    while plain := _PLAIN.match(data, at):
        begin = plain.end()
        end = begin + int(plain[1], 16)
        if end == begin or data[end : end + 2] != b"\r\n":
            break
        parts.append(data[begin:end])
        at = end + 2
    return at


def _chunk_size(line: bytes) -> int:
    size = _SIZE.match(line)
    if (
        size is None
        or len(line) > _LINE
        or (size.end() < len(line) and not _EXTENSIONS.fullmatch(line, size.end()))
    ):
        raise BadBody("not the size of a chunk")
    return int(size[1], 16)


NOTHING: Final[Body] = Counted(0)
