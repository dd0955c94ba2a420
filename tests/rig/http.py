"""A blocking HTTP client for tests: one request, one connection, the bytes as they came."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

Json = Any


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that has been read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        """Return the body decoded."""
        return json.loads(self.body)


@contextmanager
def opened(
    method: str,
    url: str,
    body: Json = None,
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> Iterator[HTTPResponse]:
    """Send a request; yield the answer when its head has come. ``timeout`` bounds each read."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    data = None if body is None else json.dumps(body)
    typed = {} if body is None else {"Content-Type": "application/json"}
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target or "/", data, {**typed, **(headers or {})})
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


def request(
    method: str,
    url: str,
    body: Json = None,
    *,
    headers: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> Reply:
    """Return the whole answer to a request."""
    with opened(method, url, body, headers=headers, timeout=timeout) as response:
        return Reply(response.status, dict(response.getheaders()), response.read())


def get(url: str, *, host: str = "", timeout: float = 60) -> Json:
    """Return what a URL answers, asked for under the name ``host``."""
    return _checked("GET", url, None, host, timeout)


def post(url: str, body: Json, *, host: str = "", timeout: float = 60) -> Json:
    """Return what a URL answers to a body, None when that is nothing."""
    return _checked("POST", url, body, host, timeout)


def answers(url: str) -> bool:
    """Tell whether a URL answers JSON within a second."""
    try:
        reply = request("GET", url, timeout=1)
    except (OSError, HTTPException):
        return False
    is_json = reply.headers.get("Content-Type", "").startswith("application/json")
    return reply.status == 200 and is_json


def _checked(method: str, url: str, body: Json, host: str, timeout: float) -> Json:
    headers = {"Host": host} if host else {}
    reply = request(method, url, body, headers=headers, timeout=timeout)
    assert reply.status in {200, 204}, (method, url, reply)
    return reply.json if reply.body else None


def events(response: HTTPResponse) -> Iterator[Json]:
    """Yield the events of a stream until it ends."""
    while line := response.readline():
        if line.startswith(b"data: "):
            yield json.loads(line[6:])
