"""Refusals: JSON for programs, a page for people."""

from __future__ import annotations

import json

import pytest
from tests.wire.proxy.test_gate import CLOSE, PAGE, local
from tests.wire.proxy.through import split, through, value

from opencoderouter.core.model import Status


@pytest.mark.parametrize(
    ("host", "target", "status"),
    [
        ("evil.org", "/", b"421 Misdirected Request"),
        ("x@localhost", "/", b"400 Bad Request"),
        ("beta.localhost", "/x", b"404 Not Found"),
        ("alpha.localhost", "/x", b"503 Service Unavailable"),
        ("localhost", "/.ocr/x", b"404 Not Found"),
    ],
)
@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (PAGE, True),
        ("Accept: application/xhtml+xml, TEXT/HTML;q=0.9", True),
        ("Accept: */*", False),
        ("Accept: application/json", False),
        ("Accept: text/html-not", False),
        ("X: y", False),
    ],
)
async def test_form(host: str, target: str, status: bytes, accept: str, page: bool) -> None:  # noqa: FBT001
    """Who asks for a page gets a page; everybody else gets JSON with the same texts."""
    async with through(1, status=Status.STARTING) as proxy:
        request = local(proxy, target, accept, CLOSE, host=host)
        start, fields, body = split(await proxy.ask(request))
    assert start == b"HTTP/1.1 " + status
    assert value(fields, b"cache-control") == [b"no-store"]
    assert value(fields, b"vary") == [b"Accept"]
    assert value(fields, b"x-content-type-options") == [b"nosniff"]
    assert value(fields, b"retry-after") == ([b"1"] if status.startswith(b"503") else [])
    (kind,) = value(fields, b"content-type")
    if page:
        assert kind == b"text/html; charset=utf-8"
        assert b"<h1>" + status + b"</h1>" in body
        assert b"default-src 'none'" in value(fields, b"content-security-policy")[0]
    else:
        assert kind == b"application/json"
        assert set(json.loads(body)) == {"error", "detail", "hint"}


@pytest.mark.parametrize("accept", [PAGE, "Accept: */*"])
async def test_nothing_becomes_markup(accept: str) -> None:
    """What was asked for is quoted as text."""
    async with through() as proxy:
        for target in ("/<script>alert(1)</script>", "/%3Cscript%3Ealert(1)%3C%2Fscript%3E"):
            _, fields, body = split(await proxy.ask(local(proxy, target, accept, CLOSE)))
            if accept == PAGE:
                assert value(fields, b"content-type") == [b"text/html; charset=utf-8"]
                assert b"<script" not in body
            else:
                assert value(fields, b"content-type") == [b"application/json"]


async def test_the_api_speaks_json() -> None:
    """Below `/api/` there are no pages, even for browsers."""
    async with through() as proxy:
        _, fields, _ = split(await proxy.ask(local(proxy, "/api/nope", PAGE, CLOSE)))
        assert value(fields, b"content-type")[0].startswith(b"application/json")
