"""What the backend answers, asked through a proxy: a proxy that answers by itself looks fast."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException

NAME = "bench.localhost"  # the one host name that every proxy leads to the backend
SMALL = b"0123456789abcdefghijklmnopqrstuvwxyz"
MEDIUM_SIZE, LARGE_SIZE = 16 << 10, 10 << 20
_SIZES = {"/medium": MEDIUM_SIZE, "/large": LARGE_SIZE}
_TIMEOUT = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Stats:
    """What the backend has served: requests of the load, bytes of their bodies, messages."""

    requests: int
    bytes: int
    messages: int
    streams: int


@cache
def block(size: int) -> bytes:
    """Return the bytes that the backend sends (epoll.Block)."""
    row, cycle = 8191, 89
    source = bytes(33 + i % cycle for i in range(row + cycle))
    rows = (source[(start := i * (row + 1) % cycle) : start + row] for i in range(size // row + 1))
    return b"".join(rows)[:size]


def ask(
    port: int, target: str, body: bytes | None = None, name: str = NAME, timeout: float = _TIMEOUT
) -> bytes:
    """Return the body of a 200 answer. Raises OSError or HTTPException for any other one."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        headers = {"Host": f"{name}:{port}"}
        connection.request("GET" if body is None else "POST", target, body, headers)
        response = connection.getresponse()
        said = response.read()
        if response.status != 200:  # noqa: PLR2004 - OK
            raise HTTPException(f"{response.status} for {target}: {said[:80]!r}")
        return said
    finally:
        connection.close()


def stats(backend: int) -> Stats:
    """Ask the backend itself what it has served."""
    return Stats(**json.loads(ask(backend, "/stats")))


def wrong(port: int, target: str) -> str:
    """Return what is wrong with the answer to ``target``, or nothing."""
    try:
        if target == "/sink":
            sent = block(MEDIUM_SIZE)
            said = json.loads(ask(port, "/sink?sum=1", sent))
            right = said == {"received": len(sent), "sum": zlib.crc32(sent)}
        else:
            size = _SIZES.get(target)
            right = ask(port, target) == (SMALL if size is None else block(size))
    except (OSError, HTTPException, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return "" if right else f"wrong body for {target}"


def wrong_job(port: int) -> str:
    """Return in what a proxy does not do the common job, or nothing.

    The Host field is kept, X-Forwarded-For is set, and another name is not led to the backend.
    """
    try:
        head = ask(port, "/head").decode().lower()
    except (OSError, HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    if f"\r\nhost: {NAME}:{port}" not in head:
        return "Host is not kept"
    if "\r\nx-forwarded-for: " not in head:
        return "X-Forwarded-For is not set"
    try:
        return "routes other names, too" if ask(port, "/small", name="x.test") == SMALL else ""
    except (OSError, HTTPException):
        return ""
