"""A backend's answer as the client gets it: its paths, its cookies, and what it may run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.headers import HOP_BY_HOP, Fields, Headers
from opencoderouter.core.responses import SANDBOX, to_client

OWN = ("127.0.0.1:30001", "localhost:8080")


def to(prefix: str, *headers: tuple[str, str]) -> Headers:
    """Return what a client gets of these fields."""
    return to_client(headers, prefix=prefix, authorities=OWN)


def mended(name: str, value: str) -> str:
    """Return what a client in path mode gets of a field."""
    ((_, result),) = to("/alpha", (name, value))
    return result


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("/x", "/alpha/x"),
        ("/", "/alpha/"),
        ("/x?a=/b#c", "/alpha/x?a=/b#c"),
        ("/a%2Fb//c", "/alpha/a%2Fb//c"),
        ("http://localhost:8080/x?", "/alpha/x?"),
        ("HTTP://LocalHost:8080/X", "/alpha/X"),
        ("http://127.0.0.1:30001", "/alpha/"),
        ("https://localhost:8080?x", "/alpha/?x"),
        ("//localhost:8080/x", "/alpha/x"),
        ("//localhost:8080", "/alpha/"),
        ("http://localhost:8080//evil.org", "/alpha//evil.org"),
        ("/\\evil.org", "/alpha/\\evil.org"),
        ("//evil.org/x", "//evil.org/x"),
        ("http://evil.org/x", "http://evil.org/x"),
        ("http://localhost:8080@evil.org/", "http://localhost:8080@evil.org/"),
        ("http://localhost:8081/", "http://localhost:8081/"),
        ("http:///x", "http:///x"),
        ("http://[x", "http://[x"),
        ("ftp://localhost:8080/x", "ftp://localhost:8080/x"),
        ("x/y", "x/y"),
        ("?x", "?x"),
        ("../x", "../x"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("name", ["Location", "content-location"])
def test_location(name: str, value: str, result: str) -> None:
    """The backend's own paths go under the prefix; relative ones fit, foreign ones stay."""
    assert mended(name, value) == result


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("a=1; Path=/", "a=1; Path=/alpha/"),
        ("a=1;path=/x;HttpOnly", "a=1;path=/alpha/x;HttpOnly"),
        ("a=1; PATH = /x ; Secure", "a=1; PATH = /alpha/x ; Secure"),
        ("a=1; Path=/x; Path=/", "a=1; Path=/alpha/x; Path=/alpha/"),
        ("a=1", "a=1"),
        ("a=1; Path=", "a=1; Path="),
        ("a=1; Path=x", "a=1; Path=x"),
        ("Path=/; a=1", "Path=/; a=1"),
        ("a=1; X-Path=/", "a=1; X-Path=/"),
    ],
)
def test_cookie_path(value: str, result: str) -> None:
    """A cookie stays with its project; every Path counts, since browsers take the last."""
    assert mended("Set-Cookie", value) == result


def test_host_mode_mends_nothing() -> None:
    """On the project's own host all paths are right as they are."""
    headers = (("Location", "/x"), ("Set-Cookie", "a=1; Path=/"), ("Connection", "close"))
    assert to("", *headers) == headers[:2]


@pytest.mark.parametrize("prefix", ["", "/alpha"])
@pytest.mark.parametrize(
    "cookie",
    [
        *["a=1; Domain=localhost; Path=/", "a=1; domain", "ocr-session-8080=x; Path=/", "=a", ""],
        *["__Host-ocr-session-8080=x; Secure; Path=/", "OCR-SESSION-1=x", "ocr-session-8080"],
    ],
)
def test_cookies_of_others(prefix: str, cookie: str) -> None:
    """A backend sets none for other hosts, and none that is or may be read as a router's."""
    others = (("X", cookie), ("Set-Cookie", "b=2"))
    for name in ("Set-Cookie", "set-cookie", "SET-COOKIE"):
        assert to(prefix, (name, cookie), *others) == others


def test_the_box() -> None:
    """It allows nothing: no script, no origin of others, no guess at what something may be."""
    assert SANDBOX == (
        ("Content-Security-Policy", "sandbox"),
        ("X-Content-Type-Options", "nosniff"),
    )


def test_what_a_backend_says_of_its_pages() -> None:
    """It holds as well: of several policies each does."""
    theirs = ("Content-Security-Policy", "sandbox allow-scripts allow-same-origin")
    assert to("/alpha", theirs) == to("", theirs) == (theirs,)


@pytest.mark.parametrize(
    "name",
    [
        *["Clear-Site-Data", "service-worker-allowed", "Alt-Svc", "Strict-Transport-Security"],
        *["NEL", "Report-To", "Reporting-Endpoints", "Accept-CH", "X-Content-Type-Options"],
    ],
)
def test_one_project_does_not_speak_for_all(name: str) -> None:
    """Below a path, what is said of the whole origin is not passed on; on its own host it is."""
    assert to("/alpha", (name, "/"), ("X", "1")) == (("X", "1"),)
    assert to("", (name, "/"), ("X", "1")) == ((name, "/"), ("X", "1"))


NAME = st.sampled_from(
    [*HOP_BY_HOP, "Connection", "Location", "Set-Cookie", "set-cookie", "X-A", "Clear-Site-Data"]
) | st.text(max_size=8)
VALUE = st.sampled_from(
    ["x-a", "Upgrade, x-a", "/x", "a=1; Domain=x", "ocr-session-1=x", "content-security-policy"]
) | st.text(max_size=20)
HEADERS = st.lists(st.tuples(NAME, VALUE), max_size=8).map(tuple)


@given(HEADERS, st.sampled_from(["", "/p"]))
def test_whatever_a_backend_says(headers: Headers, prefix: str) -> None:
    """Nothing of the connection passes, no router's cookie, nothing for other hosts."""
    passed = to(prefix, *headers)
    assert not {name.lower() for name, _ in passed} & HOP_BY_HOP
    for cookie in [value.lower() for name, value in passed if name.lower() == "set-cookie"]:
        assert not cookie.strip().startswith(("ocr-session-", "__host-ocr-session-"))
        assert "domain=x" not in cookie
    assert to_client(Fields(headers), prefix=prefix, authorities=OWN) == to_client(
        headers, prefix=prefix, authorities=OWN
    )


@given(st.text())
def test_mending_never_raises(value: str) -> None:
    """Whatever a backend says, a location it makes local is under the prefix."""
    result = mended("Location", value)
    assert result == value or result.startswith("/alpha/")
    to("/alpha", ("Set-Cookie", value))
