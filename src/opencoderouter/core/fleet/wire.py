"""A request to an OpenCode server as text, and its answer: HTTP/1.1 (RFC 9112), JSON bodies.

Each request has a connection of its own that ends with the answer, so an answer is all that came.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from opencoderouter.core.fleet import values
from opencoderouter.core.fleet.model import Endpoint

MOST_HEAD = 32_768  # octets; OpenCode's heads have some 200
_CHUNKS = 65_536  # OpenCode's have kilobytes; each takes a microsecond
_INTERIM = 8  # answers that may come before the answer (RFC 9110 section 15.2)
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)")
_TARGET = re.compile(r"/[!-~]*")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,10})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\r\n]*)?")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server has answered. ``json`` is None where the body is none that says it is JSON."""

    status: int
    json: object = None

    @property
    def good(self) -> bool:
        """Tell whether it was done as asked."""
        return 200 <= self.status < 300  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Request:
    """A question. ``path`` is percent-encoded, else ValueError; ``body`` None sends none."""

    endpoint: Endpoint
    method: str
    path: str
    body: object = None

    def __post_init__(self) -> None:
        if not _TARGET.fullmatch(self.target) or not self.method.isalpha():
            raise ValueError(f"no request: {self.method} {self.target!r}")

    @property
    def target(self) -> str:
        """Return the path below a router."""
        return f"{self.endpoint.prefix}{self.path}"

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the fields that say how to answer, whom, and what the body is."""
        secret, typed = self.endpoint.authorization, "Content-Type: application/json"
        return (
            "Accept: application/json",
            *((f"Authorization: {secret}",) if secret else ()),
            *((typed,) if self.body is not None else ()),
        )

    def encode(self) -> bytes:
        """Return it as it goes onto a connection of its own."""
        data = b"" if self.body is None else json.dumps(self.body).encode()
        lines = (
            f"{self.method} {self.target} HTTP/1.1",
            f"Host: {authority(self.endpoint)}",
            "Connection: close",
            *self.fields,
            *((f"Content-Length: {len(data)}",) if data else ()),
        )
        return "\r\n".join([*lines, "", ""]).encode("ascii") + data


def authority(endpoint: Endpoint) -> str:
    """Return address and port as a URL has them."""
    host = f"[{endpoint.address}]" if ":" in endpoint.address else endpoint.address
    return f"{host}:{endpoint.port}"


def decode(data: bytes) -> Answer | None:
    """Return the answer that a connection has brought, or None when it is not a whole one."""
    for _ in range(1 + _INTERIM):
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end or len(head) > MOST_HEAD:
            return None
        first, *lines = head.split(b"\r\n")
        status, fields = _STATUS.fullmatch(first), _fields(lines)
        if status is None or fields is None:
            return None
        if not status[1].startswith(b"1"):
            return _answer(int(status[1]), fields, rest)
        data = rest  # 100 Continue and its like come before an answer
    return None


def _answer(status: int, fields: dict[bytes, bytes], rest: bytes) -> Answer | None:
    body = _body(fields, rest)
    if body is None:
        return None
    kind = fields.get(b"content-type", b"").partition(b";")[0].strip().lower()
    return Answer(status, values.load(body) if kind == b"application/json" else None)


def is_whole(data: bytes | bytearray) -> bool:
    """Tell whether an answer is all there, though its connection is still open.

    OpenCode leaves it open when the answer took time (the first of an instance), whatever it was
    asked to do.
    """
    end = data.find(b"\r\n\r\n", 0, MOST_HEAD + 4)
    if end < 0:
        return False
    if found := _LENGTH.search(data, 0, end + 2):
        return len(data) >= end + 4 + int(found[1])
    return _CHUNKED.search(data, 0, end + 2) is not None and data.endswith(b"0\r\n\r\n")


def _fields(lines: list[bytes]) -> dict[bytes, bytes] | None:
    """Return the fields by name in lower case, or None when one is none.

    Two lengths, or a length and chunks, are a message that two readers would read differently.
    """
    found = dict[bytes, bytes]()
    for line in lines:
        field = _FIELD.fullmatch(line)
        name = field[1].lower() if field else b""
        if field is None or (name in found and name in (b"content-length", b"transfer-encoding")):
            return None
        found[name] = field[2].strip(b" \t")
    return None if {b"content-length", b"transfer-encoding"} <= found.keys() else found


def _body(fields: dict[bytes, bytes], rest: bytes) -> bytes | None:
    coding, length = fields.get(b"transfer-encoding"), fields.get(b"content-length")
    if coding is not None:
        return _joined(rest) if coding.lower() == b"chunked" else None
    if length is not None:
        size = int(length) if re.fullmatch(rb"[0-9]{1,10}", length) else -1
        return rest[:size] if 0 <= size <= len(rest) else None
    return rest  # to the end of the connection (RFC 9112 section 6.3)


def _joined(data: bytes) -> bytes | None:
    """Return the data of chunks, or None when the last one has not come, or they are too many."""
    body, at = bytearray(), 0
    for _ in range(_CHUNKS):
        end = data.find(b"\r\n", at)
        size = _SIZE.fullmatch(data[at:end]) if end >= 0 else None
        if size is None:
            return None
        start, length = end + 2, int(size[1], 16)
        if length == 0:
            return bytes(body)
        if data[start + length : start + length + 2] != b"\r\n":
            return None
        body += data[start : start + length]
        at = start + length + 2
    return None
