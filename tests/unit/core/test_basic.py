"""Basic credentials, written and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.basic import basic, read_basic


def test_the_example_of_the_rfc() -> None:
    """RFC 7617 section 2: Aladdin, and section 2.1: a pound sign in UTF-8."""
    assert basic("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert basic("test", "123£") == "Basic dGVzdDoxMjPCow=="


@given(st.text().filter(lambda name: ":" not in name), st.text())
def test_what_is_written_is_read(username: str, password: str) -> None:
    """Any user name without a colon and any password survive."""
    assert read_basic(basic(username, password)) == (username, password)


@given(st.text(st.characters()) | st.text("Basic =QUoO:").map("Basic ".__add__))
def test_no_text_raises(value: str) -> None:
    """Whatever a client sends is credentials or none; what is read is written the same."""
    found = read_basic(value)
    assert found is None or value.endswith(basic(*found).partition(" ")[2])


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic",
        "Basic ",
        "Basic Og",  # no padding
        "Basic Oh==",  # bits after the end that are not zero
        "Basic QTpC\n",
        "Basic QTpC ",
        "Basic QT pC",
        "Basic QQ==",  # no colon
        "Basic _zo_",  # the alphabet of URLs
        "Basic /zo=",  # not UTF-8
        "Basic \udc80",
        "Basic ÅTpC",
        "Bearer QTpC",
        "BasicQTpC",
        " Basic QTpC",
        "Basic\tQTpC",
    ],
)
def test_anything_else_is_none(value: str) -> None:
    """A single spelling counts."""
    assert read_basic(value) is None


@pytest.mark.parametrize("value", ["Basic QTpC", "basic QTpC", "BASIC   QTpC"])
def test_the_scheme_is_in_any_case(value: str) -> None:
    """RFC 9110 section 11.1, and one space or more after it."""
    assert read_basic(value) == ("A", "B")


def test_the_first_colon_ends_the_user_name() -> None:
    """A password may have colons; both may be empty."""
    assert read_basic(basic("a", "b:c")) == ("a", "b:c")
    assert read_basic(basic("", "")) == ("", "")
