"""Fuzzy search."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.fleet.search import (
    INITIALS,
    INSIDE,
    LONGEST,
    SPREAD,
    START,
    folded,
    places,
    score,
    words,
)

LETTERS = st.text("abc -/", max_size=40)


@pytest.mark.parametrize(
    ("word", "text", "expected"),
    [
        ("log", "fix the login form", START),
        ("gin", "fix the login form", INSIDE),
        ("ftl", "fix the login form", INITIALS),
        ("olr", "open_login-router", INITIALS),
        ("ftlog", "fix the login form", INITIALS),
        ("sn19", "session number 19", INITIALS),
        ("snu19", "session number 19", INITIALS),
        ("sn9", "session number 19", 0),
        ("lgin", "fix the login form", SPREAD),
        ("fxlg", "fix the login form", 0),  # all letters are there, but far apart
        ("zzz", "fix the login form", 0),
        ("fm", "fix the login form", 0),
    ],
)
def test_score(word: str, text: str, expected: int) -> None:
    """A word counts most at the start of one, then inside, as initials, and nearly."""
    assert score(word, text) == expected


def test_words() -> None:
    """A query is its words in lower case."""
    assert words("  Login  GPU ") == ("login", "gpu")


def test_folded() -> None:
    """Folding keeps every letter at its place, also where lower case is two letters."""
    assert folded("AİB") == "aİb"
    assert len(folded("x" * 10_000)) == LONGEST


def test_places() -> None:
    """What lights up is what was found, each letter of it."""
    assert places(("log",), "The Login") == {4, 5, 6}
    assert places(("tl",), "The Login") == {0, 4}
    assert places(("tlog",), "The Login") == {0, 4, 5, 6}
    assert places(("lgin", "the"), "The Login") == {0, 1, 2, 4, 6, 7, 8}
    assert places(("x",), "The Login") == frozenset()


@given(st.text("abc", min_size=1, max_size=5), LETTERS)
def test_a_score_has_places(word: str, text: str) -> None:
    """Whatever has a score lights up exactly the letters of the word, in order; else nothing."""
    found = sorted(places((word,), text))
    assert "".join(text[place] for place in found) == (word if score(word, text) else "")


@given(st.text(max_size=30))
def test_folding_never_moves_letters(text: str) -> None:
    """A folded text is as long as the text."""
    assert len(folded(text)) == len(text)


def test_hostile_text_takes_no_time() -> None:
    """A title made to have many beginnings is looked at a few times only."""
    text = folded("ab" * 5000)
    assert score("abababababababababababz", text) == 0
    assert score("aaaaz", folded("a " * 5000 + "z")) == 0
