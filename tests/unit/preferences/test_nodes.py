"""YAML as text with places."""

from __future__ import annotations

import pytest

from opencoderouter.preferences.nodes import Unusable, dotted, parse
from opencoderouter.preferences.problem import Place


@pytest.mark.parametrize("written", ["no", "ON", "8", "1.20", "10:30", "~", "2026-01-01", "0x1f"])
def test_a_scalar_stays_the_text_that_it_is(written: str) -> None:
    """A host called `no` is no boolean."""
    assert parse(f"a: {written}\n{written}: b").data == {"a": written, written: "b"}


@pytest.mark.parametrize("written", ["", "null"])
def test_nothing_is_nothing(written: str) -> None:
    """A name without a value has none; an empty text in quotes is a text."""
    assert parse(f"a: {written}\nb: ''").data == {"a": None, "b": ""}


def test_names_and_values_have_their_places() -> None:
    """Lines and columns begin with 1; a name without a value is its own place."""
    document = parse("a:\n  b: [x, y]\n  c:\n")
    assert document.names[("a", "b")] == Place(2, 3)
    assert document.values[("a", "b", 1)] == Place(2, 10)
    assert document.values[("a", "c")] == Place(3, 3)
    assert document.place(("a", "b", 1, "nowhere")) == Place(2, 10)
    assert document.place(("z",)) is None


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null"])
def test_an_empty_file_says_nothing(text: str) -> None:
    """All is as by default then."""
    assert parse(text).data == {}


def test_a_name_that_is_there_twice_is_told_with_both_lines() -> None:
    """The last one counts, and nothing is lost without a word."""
    document = parse("a:\n  b: 1\n  b: 2\na: {b: 3}\n")
    assert document.data == {"a": {"b": "3"}}
    assert document.problems == [
        (Place(3, 3), "a.b is there twice (also in line 2); the last one counts"),
        (Place(4, 1), "a is there twice (also in line 1); the last one counts"),
    ]


BAD = [
    ("a: [1", Place(1, 6), "flow sequence"),
    ("a: b\n\tc: d", Place(2, 1), "indent with spaces, not tabs"),
    ("help: ?", Place(1, 7), "in quotes"),
    ("x: @y", Place(1, 4), "in quotes"),
    ("a: *b", Place(1, 4), "undefined alias"),
    ("a: 1\n---\nb: 2", Place(2, 1), "single document"),
    ("a: b\nc: \x00", Place(2, 4), "U+0000"),
    ("- a", Place(1, 1), "must be options by their names"),
    ("hello", Place(1, 1), "must be options by their names"),
    ("[" * 5000, None, "nested too deeply"),
    ("a: &a [*a]", Place(1, 4), "too large"),
    ("a: " + "[" * 30 + "]" * 30, Place(1, 24), "too large"),
]


@pytest.mark.parametrize(("text", "place", "words"), BAD)
def test_what_cannot_be_read_says_where_and_why(text: str, place: Place, words: str) -> None:
    """Errors of YAML have their line; aliases to themselves and deep nesting end."""
    with pytest.raises(Unusable, match=words.replace("+", r"\+")) as caught:
        parse(text)
    assert caught.value.place == place


def test_aliases_that_multiply_are_bounded() -> None:
    """Nine lines that stand for a thousand million items are refused, at once."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Unusable, match="too large"):
        parse("\n".join(lines))


def test_an_alias_is_what_it_stands_for() -> None:
    """Anchors work, as YAML has them."""
    assert parse("a: &x [1]\nb: *x").data == {"a": ["1"], "b": ["1"]}


def test_tags_construct_nothing() -> None:
    """A tag of Python's is text like any other."""
    assert parse("a: !!python/object/apply:os.system [id]").data == {"a": ["id"]}


def test_an_option_is_spoken_of_with_dots() -> None:
    """Items are counted from 1."""
    assert dotted(("hosts", "include", 0)) == "hosts.include[1]"
