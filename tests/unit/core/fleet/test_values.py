"""Values of others: taken as what they should be, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.fleet import values

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_never_raises(value: object) -> None:
    """Any value is taken as what it should be, or as nothing."""
    assert isinstance(values.text(value), str)
    assert isinstance(values.rows(value), list)
    assert isinstance(values.mapping(value), dict)
    for read in (values.number, values.whole, values.moment):
        found = read(value)
        assert found is None or found >= 0
    values.session_id(value)
    values.directory(value)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3.0),
        (0.5, 0.5),
        (-1, None),
        (True, None),
        ("3", None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
    ],
)
def test_number(value: object, number: float | None) -> None:
    """Only finite numbers that are not negative are numbers."""
    assert values.number(value) == number


def test_moment() -> None:
    """OpenCode's milliseconds become seconds; what is no time of this era is none."""
    assert values.moment(1_795_418_597_030) == 1_795_418_597.03
    assert values.moment(1e15) is None


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("ses_df8b65959ffeeChp8aeXWtJq9g", True),
        ("ses_", False),
        ("msg_20749a6b5001", False),
        ("ses_x'; drop table session; --", False),
        ("ses_x\n", False),
        (f"ses_{'x' * 61}", False),
        (7, False),
    ],
)
def test_session_id(value: object, *, good: bool) -> None:
    """An id is letters and digits: it goes into commands and paths."""
    assert values.session_id(value) == (value if good else "")


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("/", True),
        ("/home/alice", True),
        ("/home/Ålice/a b\n$(x)", True),
        ("", False),
        ("home", False),
        ("//home", False),
        ("/home/", False),
        ("/home/../root", False),
        ("/home/./x", False),
        ("/a\0b", False),
        ("/\udc80", False),
        ("/" + "x" * 4096, False),
        (None, False),
    ],
)
def test_directory(value: object, *, good: bool) -> None:
    """A directory is an absolute path with one name only."""
    assert values.directory(value) == (value if good else "")


def test_text() -> None:
    """Text is kept as it came, but can be encoded and is not too long."""
    assert values.text("a\x1b[31m\n") == "a\x1b[31m\n"
    assert values.text("\ud800x") == "?x"
    assert values.text("x" * 9, 4) == "xxxx"
    assert values.text(["x"]) == ""


@pytest.mark.parametrize(
    ("output", "rows"),
    [
        ('[{"a": 1}, 2]', [{"a": 1}]),
        ("[]", []),
        ('Migrating [x]\n[\n {"a": 1}\n]\n', [{"a": 1}]),
        ("{}", None),
        ("no", None),
        ('[{"a"', None),
        ("[" * 100_000, None),
    ],
)
def test_array(output: str, rows: object) -> None:
    """The array in a program's output is found after other lines; what is cut is none."""
    assert values.array(output) == rows
