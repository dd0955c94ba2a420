"""Patterns of names as ssh has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.fleet.patterns import any_matches, is_wild, matches


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("web", "web", True),
        ("web", "Web", False),
        ("web*", "web", True),
        ("web?", "web", False),
        ("web?", "web1", True),
        ("*", "", True),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("*\n*", "a\nb", True),
    ],
)
def test_matches(pattern: str, name: str, *, expected: bool) -> None:
    """Star and question mark stand for others; every other character is itself, case included."""
    assert matches(name, pattern) is expected


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (("a", "b"), True),
        (("b",), False),
        (("*", "!a"), False),
        (("!a", "*"), False),
        (("!b", "*"), True),
        (("!b",), False),
        ((), False),
    ],
)
def test_any_matches(patterns: tuple[str, ...], *, expected: bool) -> None:
    """A negated pattern that matches wins wherever it stands; one that does not says nothing."""
    assert any_matches("a", patterns) is expected


@given(st.text())
def test_a_plain_name_matches_itself_only(name: str) -> None:
    """A pattern without a wildcard is a name."""
    if not is_wild(name):
        assert matches(name, name)
        assert not matches(name + "x", name)
