"""Where requests may be led: nowhere but to this router."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.hosts import Authority, Names
from opencoderouter.proxy.destinations import Place, elsewhere, local

NAMES = Names("ada", frozenset({"devbox"}))
HERE = Authority("devbox", "8080")


@pytest.mark.parametrize("target", ["/", "/x", "/x//y?a=//b&c=%2F#d", "/.ocr/go?to=http%3A%2F%2Fx"])
def test_local(target: str) -> None:
    """A path of this host is left as it is."""
    assert local(target) == target


@pytest.mark.parametrize(
    "target",
    [
        *["", "x", "http://evil.org/", "//evil.org", "/\\evil.org", "\\\\evil.org", "/x\\y"],
        *["/\t/evil.org", "/\n/evil.org", "/x\r\nSet-Cookie: a=b", " //evil.org", "/ä", "/\x7f"],
        *["javascript:alert(1)", "?x", "#x"],
    ],
)
def test_not_local(target: str) -> None:
    """What a browser could take for another host, or for more than a path, is the root."""
    assert local(target) == "/"


@pytest.mark.parametrize(
    ("link", "host", "path"),
    [
        ("http://shop-ada.local:8080", "shop-ada.local", "/"),
        ("http://SHOP-ada.local:8080/x?y=1#z", "shop-ada.local", "/x?y=1"),
        ("http://devbox:8080/a", "devbox", "/a"),
        ("http://shop-ada.local:8080//evil.org", "shop-ada.local", "/"),
    ],
)
def test_elsewhere(link: str, host: str, path: str) -> None:
    """The router's names are known, and a path there that is one."""
    assert elsewhere(link, "http", HERE, NAMES) == Place(host, f"http://{host}:8080", path)


@pytest.mark.parametrize("host", ["shop.localhost", "localhost"])
def test_near(host: str) -> None:
    """What is near is the client's own machine: it is this one for who has come that way only."""
    link, place = f"http://{host}:8080/", Place(host, f"http://{host}:8080", "/")
    for here in ("localhost", "127.0.0.1", "::1", "web.localhost"):
        assert elsewhere(link, "http", Authority(here, "8080"), NAMES) == place
    for here in ("devbox", "192.0.2.7", "shop-ada.local"):
        assert elsewhere(link, "http", Authority(here, "8080"), NAMES) is None


@pytest.mark.parametrize(
    "link",
    [
        *["", "/x", "//shop-ada.local:8080/", "http://evil.org:8080/", "http://8.8.8.8:8080/"],
        *["http://[::1]:8080/", "http://[::1:8080/", "https://shop-ada.local:8080/"],
        *["http://shop-ada.local/", "http://shop-ada.local:81/", "http://shop-bob.local:8080/"],
        *["http://x@shop-ada.local:8080/", "http://evil.org\\@shop-ada.local:8080/"],
        *["javascript://shop-ada.local:8080/%0aalert(1)", "http://shop-ada.local:8080@evil.org/"],
    ],
)
def test_nowhere(link: str) -> None:
    """Other hosts, ports, schemes and addresses are nowhere."""
    assert elsewhere(link, "http", HERE, NAMES) is None


@pytest.mark.parametrize(("scheme", "port"), [("http", "80"), ("https", "443")])
def test_default_ports(scheme: str, port: str) -> None:
    """A port that goes without saying may be said."""
    link = f"{scheme}://shop-ada.local"
    assert elsewhere(link, scheme, Authority("devbox", port), NAMES)
    assert elsewhere(f"{link}:{port}", scheme, Authority("devbox"), NAMES)
    assert not elsewhere(f"{link}:8080", scheme, Authority("devbox"), NAMES)


@given(st.text() | st.text("/\\:@?#.[]ahttplocs\t\n").map(lambda text: f"http://{text}"))
def test_never_raises(link: str) -> None:
    """Any text is somewhere or nowhere."""
    place = elsewhere(link, "http", Authority("localhost"), NAMES)
    assert place is None or place.path.startswith("/")
    assert local(link).startswith("/")
