"""Answers of our own as clients get them: redirects, links."""

from __future__ import annotations

import re

import pytest
from tests.wire.proxy.test_gate import BIG, CLOSE, PAGE, local
from tests.wire.proxy.through import split, through, value


@pytest.mark.parametrize(
    ("target", "location"),
    [("/alpha", b"/alpha/"), ("/alpha?a=%zz;b", b"/alpha/?a=%zz;b"), ("/alpha?", b"/alpha/?")],
)
async def test_slash(target: str, location: bytes) -> None:
    """`/{slug}` goes to `/{slug}/` with its query as it was."""
    async with through(1) as proxy:
        for method in ("GET", "POST"):
            request = local(proxy, target, CLOSE, method=method)
            start, fields, _ = split(await proxy.ask(request))
            assert start == b"HTTP/1.1 308 Permanent Redirect"
            assert value(fields, b"location") == [location]
            assert value(fields, b"cache-control") == [b"no-store"]


async def test_redirect_of_a_body() -> None:
    """A body that goes elsewhere is not read here."""
    async with through(1) as proxy:
        fields = (BIG, "Expect: 100-continue")
        answer = await proxy.ask(local(proxy, "/alpha", *fields, method="POST"))
        assert answer.startswith(b"HTTP/1.1 308 ")
        assert value(split(answer)[1], b"connection") == [b"close"]


async def test_page_load() -> None:
    """A browser's page load in path mode goes to the project's host, on the same port."""
    async with through(1) as proxy:
        start, fields, _ = split(await proxy.ask(local(proxy, "/alpha/a%2Fb?c", PAGE, CLOSE)))
        assert start == b"HTTP/1.1 302 Found"
        there = f"http://alpha.localhost:{proxy.port}/a%2Fb?c".encode()
        assert value(fields, b"location") == [there]
        assert value(fields, b"cache-control") == [b"no-store"]
        assert b"Accept" in value(fields, b"vary")[0]


async def test_page_load_by_address() -> None:
    """Where no name may resolve there is a page with both links, whatever their text."""
    async with through(1) as proxy:
        host = f"127.0.0.1:{proxy.port}"
        request = local(proxy, '/alpha/x?"<y>', PAGE, CLOSE, host=host)
        start, fields, body = split(await proxy.ask(request))
        assert start == b"HTTP/1.1 300 Multiple Choices"
        assert value(fields, b"content-type") == [b"text/html; charset=utf-8"]
        assert value(fields, b"cache-control") == [b"no-store"]
        assert b"Accept" in value(fields, b"vary")[0]
        assert re.findall('href="(.*?)"', body.decode()) == [
            f"http://{name}:{proxy.port}/x?&quot;&lt;y&gt;"
            for name in ("alpha.localhost", "alpha-alice.local")
        ]
