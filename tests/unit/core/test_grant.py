"""Who somebody is, and how the lane tells the application."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.grant import (
    EVERYBODY,
    PEER,
    Caller,
    Grant,
    Identified,
    from_json,
    is_loopback,
    to_json,
)

TEXT = st.text(max_size=8)
GRANTS = st.builds(
    Grant,
    st.sampled_from(["peer", "password", "token", "off"]),
    name=TEXT,
    token=TEXT,
    epoch=TEXT,
    project=st.none() | TEXT,
    read_only=st.booleans(),
    expires=st.none() | st.floats(allow_nan=False),
    session=TEXT,
)


@pytest.mark.parametrize(
    ("caller", "origin"),
    [
        (Caller("192.0.2.9"), "192.0.2.9"),
        (Caller("127.0.0.1", 1001), "127.0.0.1#1001"),
        (Caller("127.0.0.1", 0, free=True), "127.0.0.1#0"),
    ],
)
def test_origin(caller: Caller, origin: str) -> None:
    """Users of one machine are told apart, root among them; others are their address."""
    assert caller.origin == origin


def test_nobody_is_free_unless_it_is_said() -> None:
    """Only an address is known of whoever connects."""
    assert Caller("::1") == ("::1", None, False)


@pytest.mark.parametrize(
    ("grant", "whole"),
    [
        *[(PEER, True), (EVERYBODY, True), (Grant("token", token="t", expires=1.0), True)],
        *[(Grant("token", project="shop"), False), (Grant("token", read_only=True), False)],
        (Grant("token", project=""), False),
    ],
)
def test_whole(grant: Grant, whole: bool) -> None:  # noqa: FBT001
    """Who may do all is kept from nothing; a project, whatever its name, is less than all."""
    assert grant.whole is whole


@given(TEXT, st.none() | GRANTS)
def test_the_application_hears_what_the_lane_says(origin: str, grant: Grant | None) -> None:
    """Whatever it is, it fits into a header field, and is read as it was written."""
    text = to_json(Identified(origin, grant))
    assert text.isascii()
    assert text.isprintable()
    assert from_json(text) == Identified(origin, grant)


@pytest.mark.parametrize(
    "text",
    [
        *["", "x", "null", "1", "[]", "{}", '"origin"', '{"origin": "x"}', '{"grant": null}'],
        *['{"origin": "x", "grant": {}}', '{"origin": "x", "grant": []}'],
        *['{"origin": "x", "grant": "peer"}', '{"origin": "x", "grant": true}'],
        '{"origin": "x", "grant": {"via": "peer", "more": 1}}',
        '{"origin": "x", "grant": {"name": "owner"}}',
        to_json(Identified("x", PEER)) * 2,
    ],
)
def test_what_is_no_identity(text: str) -> None:
    """Nothing is made of half an identity: least of all somebody who was let in."""
    with pytest.raises(ValueError, match=r"."):
        from_json(text)


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        *[("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::1%lo", True)],
        *[("192.0.2.9", False), ("0.0.0.0", False), ("::", False), ("fe80::1%lo", False)],
        *[("localhost", False), ("", False), ("127.1", False), ("127.0.0.1.evil.org", False)],
        *[("2130706433", False), ("[::1]", False)],
    ],
)
def test_loopback(address: str, loopback: bool) -> None:  # noqa: FBT001
    """Only a numeric address that no other machine reaches is."""
    assert is_loopback(address) is loopback
