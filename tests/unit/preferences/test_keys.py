"""Names of keys, against Textual's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import keys as textual

from opencoderouter.core.fleet.preferences import KEYS
from opencoderouter.preferences.keys import parse_key, shown

ASCII = [chr(number) for number in range(33, 127)]


@pytest.mark.parametrize("character", ASCII)
def test_a_character_is_called_as_textual_calls_it(character: str) -> None:
    """What Textual makes of a typed character is what we bind."""
    assert parse_key(character) == textual._character_to_key(character)  # noqa: SLF001 - the reference


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("enter", "enter"),
        ("Return", "enter"),
        ("ENTER", "enter"),
        ("esc", "escape"),
        ("pgup", "pageup"),
        ("space", "space"),
        ("W", "W"),
        ("shift+w", "W"),
        ("F2", "f2"),
        ("Ctrl+R", "ctrl+r"),
        ("ctrl+]", "ctrl+right_square_bracket"),
        ("ctrl++", "ctrl+plus"),
        ("+", "plus"),
        ("shift+ctrl+up", "ctrl+shift+up"),
        ("slash", "slash"),
        ("question_mark", "question_mark"),
        ("ctrl+i", "tab"),
        ("ctrl+m", "enter"),
        ("ctrl+[", "escape"),
        ("é", "é"),
    ],
)
def test_names(text: str, key: str) -> None:
    """Case does not matter in names, but in letters; what a terminal cannot tell apart is one."""
    assert parse_key(text) == key


@pytest.mark.parametrize("text", ["", "  ", "entr", "ctrl+", "foo+x", "ctrl+ctrl+x", "\x1b", "ab"])
def test_what_is_no_key(text: str) -> None:
    """It is refused."""
    with pytest.raises(ValueError, match=r"(?s).*"):
        parse_key(text)


@pytest.mark.parametrize("key", sorted({key for keys in KEYS.values() for key in keys}))
def test_every_default_can_be_written(key: str) -> None:
    """What the template shows is read back as the same key."""
    assert parse_key(shown(key)) == key


@given(st.characters(exclude_categories=["C", "Z"]))
def test_every_character_can_be_shown(character: str) -> None:
    """The way back from a name is the character that was written."""
    try:
        key = parse_key(character)
    except ValueError:
        return
    assert shown(key) in {character, key}  # the name, where it does not lead back
