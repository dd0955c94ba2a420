"""Parameters in a request target."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.query import values, without

NAME = "auth_token"
SPELLED = ["auth_token", "auth%5Ftoken", "auth%5ftoken", "%61uth_token", "%61%75th_toke%6e"]


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/x", []),
        ("/x?", []),
        ("/auth_token=1", []),
        ("/x?auth_token", [""]),
        ("/x?auth_token=", [""]),
        ("/x?auth_token=a=b==", ["a=b=="]),
        ("/x?a&auth_token=1&auth_token=2", ["1", "2"]),
        ("/x?auth_token=a%20b+c%2Bd", ["a b c+d"]),
        ("/x?auth_token=%2541", ["%41"]),
        ("/x?auth_token=%zz%", ["%zz%"]),
        ("/x?y?auth_token=1&?auth_token=2", []),
        ("/x?AUTH_TOKEN=1&auth_token[]=2&auth%255Ftoken=3&+auth_token=4&a;auth_token=5", []),
        *[(f"/x?{name}=1", ["1"]) for name in SPELLED],
    ],
)
def test_values(target: str, found: list[str]) -> None:
    """However the name is spelled, all of them, decoded once."""
    assert values(target, NAME) == found


@pytest.mark.parametrize(
    ("target", "rest"),
    [
        ("/x?auth_token=1", "/x"),
        ("/x?auth_token=1&auth%5Ftoken", "/x"),
        ("/x?a=%zz&auth_token=1&b=+%2B", "/x?a=%zz&b=+%2B"),
        ("/x?&auth_token=1&", "/x?&"),
        ("/x?auth_token=1&", "/x?"),
        ("//x?auth_token=1?y", "//x"),
        *[(f"/x?{name}=1&y", "/x?y") for name in SPELLED],
        *[(same, same) for same in ("/x", "/x?", "/x?&", "/auth_token=1", "/x?auth%255Ftoken=3")],
    ],
)
def test_without(target: str, rest: str) -> None:
    """What is not meant stays as it is."""
    assert without(target, NAME) == rest


PARTS = st.sampled_from(
    [*SPELLED, "?", "&", "=", "/", "%", "+", "#", "%26", "%3D", "a", "directory"]
)
TARGETS = st.lists(PARTS | st.text(max_size=3)).map("".join).map("/".__add__)


@given(TARGETS)
def test_nothing_of_the_name_is_left(target: str) -> None:
    """Nor does anything else go, whatever the target."""
    rest = without(target, NAME)
    assert values(rest, NAME) == []
    assert rest.partition("?")[0] == target.partition("?")[0]
    assert values(rest, "directory") == values(target, "directory")
    if not values(target, NAME):
        assert rest == target


@given(TARGETS, st.sampled_from([NAME, "directory", "a"]))
def test_a_query_is_read_as_others_read_it(target: str, name: str) -> None:
    """As forms are read everywhere (WHATWG URL, section 5.1)."""
    query = target.partition("?")[2]
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=None)
    assert values(target, name) == [value for key, value in pairs if key == name]


@given(st.text())
def test_what_is_encoded_is_decoded(value: str) -> None:
    """Any value comes back."""
    encoded = quote(value, safe="", errors="replace")
    assert values(f"/x?{NAME}={encoded}", NAME) == [value.encode("utf-8", "replace").decode()]
