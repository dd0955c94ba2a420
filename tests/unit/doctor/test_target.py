"""What ``why`` may be asked about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.doctor.target import Here, NoTarget, Target, target

HERE = Here(8080, machine=frozenset({"box"}))


@pytest.mark.parametrize(
    ("text", "url", "implied"),
    [
        ("shop", "http://shop.localhost:8080/", False),
        ("box", "http://box:8080/", False),
        ("localhost", "http://localhost:8080/", False),
        ("shop-alice.local", "http://shop-alice.local:8080/", False),
        ("Shop-Alice.LOCAL.", "http://shop-alice.local:8080/", False),
        ("localhost:9/shop/a?b#c", "http://localhost:9/shop/a", False),
        ("192.0.2.1", "http://192.0.2.1:8080/", False),
        ("::1", "http://[::1]:8080/", False),
        ("[::1]:9", "http://[::1]:9/", False),
        ("http://localhost/shop/?secret=1", "http://localhost/shop/", True),
        ("http://localhost:80", "http://localhost/", False),
        ("https://a.b/", "https://a.b/", True),
        ("https://a.b:8443/x", "https://a.b:8443/x", False),
    ],
)
def test_addresses(text: str, url: str, implied: bool) -> None:  # noqa: FBT001 - a column
    """A URL is taken as it is, without its query; what a name lacks is this machine's router's."""
    found = target(text, HERE)
    assert isinstance(found, Target)
    assert (found.url, found.implied) == (url, implied)


def test_a_name_where_https_is_spoken() -> None:
    """A bare name gets the scheme of this machine's router."""
    found = target("shop", Here(8443, "https"))
    assert isinstance(found, Target)
    assert found.url == "https://shop.localhost:8443/"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/home/me",
        "ftp://a",
        "http://",
        "http://[::1",
        "http://a b/",
        "a:99999",
        "a:0",
        "a..b",
        "http://u:p@host/",
        f"{'a' * 64}.local",
        "bücher.local",
    ],
)
def test_what_is_none(text: str) -> None:
    """Anything else is refused with a reason."""
    found = target(text, HERE)
    assert isinstance(found, NoTarget)
    assert found.reason


@given(st.text(max_size=80))
def test_any_text(text: str) -> None:
    """Whatever is typed, it is an address or none; an address has a host and a port."""
    found = target(text, HERE)
    assert isinstance(found, NoTarget) or (found.host and 0 < found.port < 65536)


def test_a_router_at_one_address() -> None:
    """A project is there by its path; a machine's name and an address are what they are."""
    here = Here(8080, machine=frozenset({"box"}), host="10.77.0.1")
    urls = [
        found.url for text in ("shop", "box") if isinstance(found := target(text, here), Target)
    ]
    assert urls == ["http://10.77.0.1:8080/shop/", "http://box:8080/"]
