"""The gate of the application: nobody gets anything that is not said to be for everybody."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest
from tests.wire.proxy.guarded import PASSWORD, READER, SHOPPER, Guarded
from tests.wire.proxy.through import Client, split

from opencoderouter.proxy.app import application
from opencoderouter.proxy.lane.strikes import FREE

CLOSE = "Connection: close"
FOR_EVERYBODY = {"/.ocr/login", "/.ocr/logout", "/.ocr/enter", "/api/health"}


@pytest.fixture
async def router() -> AsyncIterator[Guarded]:
    """Run a router that wants a password."""
    made = Guarded()
    async with made.open(shop=1):
        yield made


async def ask(
    router: Guarded, start: str, *fields: str, host: str = "devbox"
) -> tuple[bytes, bytes]:
    """Return status line and body of the answer to just these bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", router.port)
    lines = (f"{start} HTTP/1.1", f"Host: {host}:{router.port}", CLOSE, *fields, "", "")
    await (client := Client(reader, writer)).send("\r\n".join(lines).encode("latin-1"))
    line, _, body = split(await client.rest())
    writer.transport.abort()
    return line, body


@pytest.mark.parametrize("host", ["devbox", "127.0.0.1", "shop-ada.local", "localhost"])
async def test_every_route(router: Guarded, host: str) -> None:
    """Whatever routes there are: a stranger is told by none of them, but those that are named."""
    routes = application(router.context).router.routes()
    found = {(route.method, route.resource.canonical) for route in routes if route.resource}
    assert {path for _, path in found} > FOR_EVERYBODY
    for method, path in found - {(m, p) for m, p in found if p in FOR_EVERYBODY}:
        line, body = await ask(router, f"{method} {path.format(slug='shop')}", host=host)
        assert line == b"HTTP/1.1 401 Unauthorized", path
        assert method == "HEAD" or json.loads(body)["error"] == "unauthenticated"


@pytest.mark.parametrize(
    "target",
    [
        *["/.ocr/x", "/.ocr/", "/.ocr/../api/backends", "/.ocr/..%2fapi/backends", "/.ocr//"],
        *["/.ocr/%2e%2e/api/backends", "/.ocr/login/../../api/backends", "/.ocr/login/"],
        *["/.ocr/../", "/%2eocr/login", "/.ocr/./go", "/.OCR/login", "/.ocr/login;x"],
        *["/api/health/../backends", "/api/health/", "/%61pi/backends", "/api/%68ealth/x"],
        *["//api/backends", "/.ocr\\..\\api\\backends"],
        "http://{}/.ocr/../api/backends",
    ],
)
@pytest.mark.parametrize("host", ["devbox", "shop-ada.local"])
async def test_no_way_round(router: Guarded, target: str, host: str) -> None:
    """However a path is written, a stranger gets no further; nor by claims of his own."""
    claims = ('X-Forwarded-User: {"origin": "x", "grant": {"via": "peer"}}', "X-Forwarded-For: ::1")
    for fields in ((), claims):
        whole = target.format(f"{host}:{router.port}")
        line, body = await ask(router, f"GET {whole}", *fields, host=host)
        assert line.split()[1] in {b"401", b"400"}, line
        assert b"shop" not in body.replace(b"shop-ada.local", b"")


async def test_health(router: Guarded) -> None:
    """A stranger learns that there is a router; who shows something, what that is worth."""
    told = {}
    for secret in ("", "wrong", PASSWORD, READER, SHOPPER):
        fields = (f"Authorization: Bearer {secret}",) if secret else ()
        line, body = await ask(router, "GET /api/health", *fields)
        assert line == b"HTTP/1.1 200 OK"
        told[secret] = json.loads(body)
    assert told[""] == told["wrong"] == told[SHOPPER] == {"healthy": True}
    assert told[PASSWORD] == told[READER]
    assert told[READER]["username"] == "ada"


@pytest.mark.parametrize("path", ["/api/health", "/.ocr/login", "/.ocr/enter"])
async def test_guesses_count(router: Guarded, path: str) -> None:
    """What everybody may ask is no place to try passwords at."""
    for number in range(FREE + 1):
        await ask(router, f"GET {path}", f"Authorization: Bearer {number}")
    _, body = await ask(router, "GET /api/health", f"Authorization: Bearer {PASSWORD}")
    assert json.loads(body) == {"healthy": True}
    assert router.entry.strikes.wait("127.0.0.1", time.monotonic()) > 0


@pytest.mark.parametrize(
    ("secret", "start", "status"),
    [
        *[(READER, "GET /api/backends", b"200"), (READER, "GET /api/openapi.json", b"200")],
        *[(READER, "POST /api/backends/shop/stop", b"403"), (READER, "GET /.ocr/x", b"403")],
        *[(READER, "GET /api/backends/shop/log", b"403"), (READER, "GET /.ocr/../api/x", b"403")],
        *[(SHOPPER, "GET /api/backends", b"403"), (SHOPPER, "GET /", b"403")],
        *[(SHOPPER, "GET /.ocr/x", b"403"), (SHOPPER, "GET /.ocr/go", b"400")],
        *[(PASSWORD, "GET /.ocr/x", b"404"), (PASSWORD, "POST /api/backends/shop/stop", b"409")],
    ],
)
async def test_tokens(router: Guarded, secret: str, start: str, status: bytes) -> None:
    """Who may not do everything may do what is said, and nothing else."""
    line, _ = await ask(router, start, f"Authorization: Bearer {secret}")
    assert line.split()[1] == status


async def test_page_or_words(router: Guarded) -> None:
    """A stranger who asks for a page gets the form, below the router's own paths, too."""
    page = ("Accept: text/html", "User-Agent: Mozilla/5.0")
    line, body = await ask(router, "GET /.ocr/x", *page)
    assert line == b"HTTP/1.1 401 Unauthorized"
    assert b'action="/.ocr/login"' in body
    _, body = await ask(router, "POST /.ocr/x", *page)
    assert json.loads(body)["error"] == "unauthenticated"
