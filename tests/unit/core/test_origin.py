"""Which pages may send a browser here."""

from __future__ import annotations

import pytest

from opencoderouter.core.headers import Headers
from opencoderouter.core.hosts import Authority
from opencoderouter.core.origin import Place, foreign

HERE = Authority("alpha.localhost", "8080")
NAVIGATION = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))


def check(
    *headers: tuple[str, str], method: str = "GET", target: str = "/x", here: Authority = HERE
) -> str | None:
    """Judge a request to ``alpha.localhost:8080``."""
    return foreign(method, target, headers, Place("http", here))


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "DELETE"])
def test_programs_pass(method: str) -> None:
    """No browser, no fetch metadata: whoever else may come in is not asked here."""
    assert check(method=method) is None


@pytest.mark.parametrize(
    ("origin", "here"),
    [
        ("http://alpha.localhost:8080", HERE),
        ("http://ALPHA.localhost:8080", HERE),
        ("http://alpha.localhost", Authority("alpha.localhost")),
        ("http://alpha.localhost:80", Authority("alpha.localhost")),
        ("http://alpha.localhost", Authority("alpha.localhost", "80")),
        ("http://[::1]:8080", Authority("::1", "8080")),
    ],
)
def test_same_origin(origin: str, here: Authority) -> None:
    """Scheme, host and port agree; the default port may be left out."""
    assert check(("Origin", origin), here=here) is None


@pytest.mark.parametrize(
    "origin",
    [
        *["null", "", "http://evil.org", "http://localhost:8080", "http://beta.localhost:8080"],
        *["https://alpha.localhost:8080", "http://alpha.localhost", "http://alpha.localhost:80"],
        *["http://alpha.localhost:8080.evil.org", "http://alpha.localhost:8080@evil.org"],
        *["alpha.localhost:8080", "http:alpha.localhost:8080", "http://[::1", "http://[x]:1"],
        *["http://user@alpha.localhost:8080", "http://alpha.localhost:99999", "ftp://x"],
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_foreign_origin(origin: str, method: str) -> None:
    """Every other origin is refused, by every method: a GET runs a folder's plugins, too."""
    assert check(("Origin", origin), method=method) == "request"


def test_every_origin_counts() -> None:
    """A second Origin field does not hide behind the first."""
    headers = (("Origin", "http://alpha.localhost:8080"), ("origin", "http://evil.org"))
    assert check(*headers) == "request"


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_own_pages_pass(site: str) -> None:
    """Own pages, and what the user types, may go anywhere."""
    assert check(("Sec-Fetch-Site", site), *NAVIGATION) is None
    assert check(("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "cors"), method="POST") is None


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Same-Origin", "", "x"])
@pytest.mark.parametrize(
    ("headers", "method"),
    [
        ((), "GET"),
        ((("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")), "GET"),
        ((("Sec-Fetch-Mode", "websocket"), ("Sec-Fetch-Dest", "websocket")), "GET"),
        ((("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")), "GET"),
        (NAVIGATION, "POST"),
        ((*NAVIGATION, ("Origin", "http://alpha.localhost:8080")), "GET"),
    ],
)
def test_foreign_pages_are_refused(site: str, headers: Headers, method: str) -> None:
    """What a page of another site loads, frames, posts or connects to is refused."""
    assert check(("Sec-Fetch-Site", site), *headers, method=method) == "request"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    ("target", "judgement"),
    [("/", None), ("/x", "navigation"), ("/?directory=/etc", "navigation"), ("//", "navigation")],
)
def test_foreign_links_lead_to_the_start(site: str, target: str, judgement: str | None) -> None:
    """A link from another site may open the first page, and nothing else."""
    assert check(("Sec-Fetch-Site", site), *NAVIGATION, target=target) == judgement


ALLOWED = Place("http", HERE, frozenset({"https://app.example.org", "http://localhost:3000"}))


@pytest.mark.parametrize("origin", ["https://app.example.org", "HTTP://LocalHost:3000"])
@pytest.mark.parametrize("site", [None, "cross-site", "same-site"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_allowed_origins(origin: str, site: str | None, method: str) -> None:
    """Pages that the user has named may ask for everything, preflights included."""
    fields = [("Origin", origin), *([("Sec-Fetch-Site", site)] if site else [])]
    assert foreign(method, "/x", tuple(fields), ALLOWED) is None


@pytest.mark.parametrize(
    "origins",
    [
        *[
            ["http://app.example.org"],
            ["https://app.example.org:8443"],
            ["https://app.example.org."],
        ],
        *[["https://app.example.org/"], ["https://evil.org"], ["null"], [""]],
        *[["https://app.example.org", "https://evil.org"], ["https://app.example.org, x"]],
        ["https://xapp.example.org"],
    ],
)
def test_only_these_are_allowed(origins: list[str]) -> None:
    """Letter by letter, and all of them."""
    fields = tuple(("Origin", origin) for origin in origins)
    assert foreign("GET", "/x", fields, ALLOWED) == "request"


def test_nobody_is_allowed_without_a_name() -> None:
    """A page that does not say which it is may be any page."""
    assert foreign("GET", "/x", (("Sec-Fetch-Site", "cross-site"),), ALLOWED) == "request"
    assert foreign("GET", "/x", (), Place("http", HERE, frozenset({"null"}))) is None
