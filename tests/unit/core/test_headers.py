"""Header fields: which travel on, which are ours to set, which must be mended."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.headers import (
    HOP_BY_HOP,
    Fields,
    Headers,
    by_name,
    end_to_end,
    get,
    is_upgrade,
    to_upstream,
    tokens,
)

OURS = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix"}


def upstream(*headers: tuple[str, str], prefix: str = "") -> dict[str, str]:
    """Return what a backend gets of a request's fields."""
    return dict(to_upstream(headers, peer="192.0.2.9", host="h", scheme="http", prefix=prefix))


def test_get_and_tokens() -> None:
    """Names are found in any case; lists may be spread over fields."""
    headers: Headers = (("Via", "A, b"), ("VIA", " C "), ("X", ""))
    assert get(headers, "via") == "A, b"
    assert get(headers, "nope") is None
    assert tokens(headers, "via") == {"a", "b", "c"}


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_hop_by_hop_is_dropped(name: str) -> None:
    """Fields about this connection do not travel, in any case, either way."""
    headers = ((name.title(), "x"), (name.upper(), "y"), ("Kept", "z"))
    assert end_to_end(headers) == (("Kept", "z"),)


def test_fields_named_by_connection_are_dropped() -> None:
    """What Connection names is about this connection, too; a list may be spread."""
    headers = (("Connection", "close, X-A"), ("x-a", "1"), ("connection", "x-B"), ("X-B", "2"))
    assert end_to_end(headers) == ()


@pytest.mark.parametrize(
    "name", ["Host", "Content-Length", "Content-Type", "Authorization", "Cookie", "Origin"]
)
def test_connection_cannot_take_what_is_needed(name: str) -> None:
    """Naming a field in Connection does not hide it from the backend."""
    headers = (("Connection", name), (name, "x"))
    assert end_to_end(headers) == ((name, "x"),)


def test_order_and_repetition_are_kept() -> None:
    """Repeated fields stay apart and in their order, as they were spelled."""
    headers = (("Set-Cookie", "a=1"), ("X", "1"), ("set-cookie", "b=2"), ("X", "2"))
    assert end_to_end(headers) == headers


def test_forwarded_fields_are_ours() -> None:
    """A client's own claims are replaced by what the router knows."""
    got = upstream(
        ("X-Forwarded-For", "1.2.3.4"),
        ("x-forwarded-host", "evil"),
        ("X-FORWARDED-PROTO", "https"),
        ("X-Forwarded-Prefix", "/x"),
        ("X-Forwarded-Port", "1"),
        ("X-Forwarded-Anything", "1"),
        ("Forwarded", "for=1.2.3.4"),
        ("X-Real-IP", "1.2.3.4"),
        ("Authorization", "Basic eA=="),
        prefix="/alpha",
    )
    assert got == {
        "Authorization": "Basic eA==",
        "X-Forwarded-For": "192.0.2.9",
        "X-Forwarded-Host": "h",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Prefix": "/alpha",
    }


def test_no_prefix_in_host_mode() -> None:
    """Nothing was cut off, so nothing is said to be."""
    assert "X-Forwarded-Prefix" not in upstream()


def test_connection_cannot_take_our_fields() -> None:
    """A client cannot have the router's own fields dropped."""
    got = upstream(("Connection", "X-Forwarded-For"), ("X-Forwarded-For", "1.2.3.4"))
    assert got["X-Forwarded-For"] == "192.0.2.9"


@pytest.mark.parametrize(
    ("te", "passed"), [("trailers", True), ("gzip, Trailers;q=1", False), ("gzip", False)]
)
def test_te(te: str, passed: bool) -> None:  # noqa: FBT001
    """Of TE only `trailers` is worth passing on."""
    assert (upstream(("TE", te)).get("TE") == "trailers") is passed


@pytest.mark.parametrize(
    ("connection", "upgrade", "switches"),
    [
        ("Upgrade", "websocket", True),
        ("keep-alive, UPGRADE", "WebSocket", True),
        ("Upgrade", "other/1", True),
        ("Upgrade", "", False),
        ("keep-alive", "websocket", False),
        ("Upgrade, HTTP2-Settings", "h2c", False),
        ("Upgrade", "websocket, h2c", False),
    ],
)
def test_upgrade(connection: str, upgrade: str, switches: bool) -> None:  # noqa: FBT001
    """An upgrade is passed on; one to cleartext HTTP/2 would smuggle requests past the gate."""
    headers = (("Connection", connection), ("Upgrade", upgrade))
    assert is_upgrade(headers) is switches
    got = upstream(*headers)
    assert got.get("Upgrade") == (upgrade if switches else None)
    assert got.get("Connection") == ("Upgrade" if switches else None)


NAME = st.one_of(
    st.sampled_from([*HOP_BY_HOP, *OURS, "Connection", "Location", "Set-Cookie", "Host", "X-A"]),
    st.text(max_size=8),
)
VALUE = st.one_of(st.sampled_from([*HOP_BY_HOP, "x-a", "Upgrade, x-a", "/x"]), st.text(max_size=20))
HEADERS = st.lists(st.tuples(NAME, VALUE), max_size=8).map(tuple)


@given(HEADERS)
def test_nothing_hop_by_hop_passes(headers: Headers) -> None:
    """Either way, no field passes that is about the connection, nor one that Connection names."""
    for name, _ in end_to_end(headers):
        assert name.lower() not in HOP_BY_HOP
    passed = to_upstream(headers, peer="p", host="h", scheme="http", prefix="")
    if not is_upgrade(headers):
        assert not {name.lower() for name, _ in passed} & HOP_BY_HOP - {"te"}
    assert [value for name, value in passed if name.lower() == "x-forwarded-for"] == ["p"]


def test_fields_are_found_by_name() -> None:
    """In any case, all of them, in order; what is plain is the same, only slower."""
    plain = (("Via", "A, b"), ("X", ""), ("VIA", "c"))
    fields = Fields(plain)
    assert tuple(fields) == plain
    assert by_name(fields) == by_name(plain) == {"via": ["A, b", "c"], "x": [""]}
    assert by_name(fields) is fields.by_name


NAMES = st.sampled_from(["Connection", "connection", "X-A", "x-a", "X-Forwarded-For", "TE", "Host"])
VALUES = st.sampled_from(["", "x-a", "close, X-A", "trailers", "Upgrade", "1"])


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_fields_are_headers(pairs: list[tuple[str, str]]) -> None:
    """Whatever is done with headers has the same result."""
    plain, fields = tuple(pairs), Fields(iter(pairs))
    assert end_to_end(fields) == end_to_end(plain)
    assert tokens(fields, "connection") == tokens(plain, "connection")
    assert [get(fields, n) for n in ("x-a", "no")] == [get(plain, n) for n in ("x-a", "no")]
    assert upstream(*fields) == upstream(*plain)
