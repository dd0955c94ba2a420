"""What a browser may send through a forwarded port, without I/O.

Behind the port is a shell on another machine, and every page that the browser has open can send
requests there: OpenCode does them all (``core.origin``). A name that an attacker's DNS leads here
would make the attacker's page one of the same origin (DNS rebinding).
"""

from __future__ import annotations

import re

from opencoderouter.core import headers as fields
from opencoderouter.core.headers import Headers
from opencoderouter.core.hosts import parse_authority
from opencoderouter.core.origin import Place, foreign

MOST_HEAD = 65_536  # octets; OpenCode takes 16 KB
_LINE = re.compile(r"([A-Z]{1,20}) (/[!-~]*) HTTP/1\.1")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)")
_LENGTH = re.compile(r"[0-9]{1,15}")
_OURS = frozenset({"authorization", "proxy-authorization"})


class Refused(Exception):  # noqa: N818 - an expected end, not a broken promise
    """A request that does not go on; nothing of its connection does from then on."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status

    @property
    def answer(self) -> bytes:
        """Return what the browser is told."""
        text = f"{self}\n".encode()
        head = (
            f"HTTP/1.1 {self.status} Refused\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + text


class Gate:
    """One connection: takes what the browser sends, gives what goes on to the server.

    ``where`` is the address that the browser was given (``127.1.2.3:4567``): no other name is
    taken. ``authorization`` is the server's; whatever the browser says of that is left out.
    """

    def __init__(self, where: str, authorization: str | None) -> None:
        self._where, self._authorization = where, authorization
        self._head = bytearray()
        self._body = 0  # octets of the body that have not come
        self._tunnel = False

    def feed(self, data: bytes) -> bytes:
        """Take a piece. Raises Refused."""
        out = bytearray()
        while data:
            if self._tunnel:
                out += data
                break
            if self._body:
                piece, data = data[: self._body], data[self._body :]
                self._body -= len(piece)
                out += piece
            else:
                self._head += data
                data = self._take_head(out)
        return bytes(out)

    def _take_head(self, out: bytearray) -> bytes:
        """Put a head that is whole into ``out``; return what came after it."""
        head, end, rest = bytes(self._head).partition(b"\r\n\r\n")
        if not end:
            if len(head) > MOST_HEAD:
                raise Refused(431, "the head of this request is too long")
            return b""
        self._head.clear()
        line, headers = _parsed(head)
        method, target = line
        _check(self._where, method, target, headers)
        self._body = _length(headers)
        self._tunnel = "upgrade" in fields.tokens(headers, "connection")
        out += self._written(f"{method} {target} HTTP/1.1", headers)
        return rest

    def _written(self, line: str, headers: Headers) -> bytes:
        kept = [f"{name}: {value}" for name, value in headers if name.lower() not in _OURS]
        own = [f"Authorization: {self._authorization}"] if self._authorization else []
        return "\r\n".join([line, *kept, *own, "", ""]).encode("latin-1")


def _parsed(head: bytes) -> tuple[tuple[str, str], Headers]:
    first, *lines = head.decode("latin-1").split("\r\n")
    line = _LINE.fullmatch(first)
    found = [_FIELD.fullmatch(one) for one in lines]
    if line is None or not all(found):
        raise Refused(400, "this is no request of a browser")
    return (line[1], line[2]), tuple((one[1], one[2].strip(" \t")) for one in found if one)


def _check(where: str, method: str, target: str, headers: Headers) -> None:
    """See that a page of ours asks, or the address was typed in."""
    authority = parse_authority(where)
    if authority is None or list(fields.by_name(headers).get("host", ())) != [where]:
        raise Refused(421, "this is not the address that was opened")
    if foreign(method, target, headers, Place("http", authority)):
        raise Refused(403, "a page of another origin asks")


def _length(headers: Headers) -> int:
    """Return how long the body is. Two lengths, or chunks, could be read in two ways."""
    found = fields.by_name(headers)
    lengths = found.get("content-length", ())
    if "transfer-encoding" in found or len(lengths) > 1:
        raise Refused(411, "this body has no length")
    if lengths and not _LENGTH.fullmatch(lengths[0]):
        raise Refused(400, "this body has no length")
    return int(lengths[0]) if lengths else 0
