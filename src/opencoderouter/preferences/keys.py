"""Names of keys: as people write them (``/``), and as Textual calls them (``slash``)."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

RESERVED = frozenset({"escape", "ctrl+c"})
_NAMED = frozenset(
    """enter tab space escape backspace delete insert home end pageup pagedown
    up down left right""".split()
) | {f"f{number}" for number in range(1, 25)}
_OTHER_NAMES = {
    "return": "enter",
    "esc": "escape",
    "del": "delete",
    "ins": "insert",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "pgdown": "pagedown",
}
_MODIFIERS = ("ctrl", "alt", "shift")
_UNICODE = {  # Textual's names that are not those of Unicode
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_CHARACTERS = {value: key for key, value in _UNICODE.items()}
_SAME = {  # a terminal sends the same octet for both
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+left_square_bracket": "escape",
    "shift+space": "space",
}


def parse_key(text: str) -> str:
    """Return Textual's name of a key. Raises ValueError for what is no key."""
    modifiers, last = _parts(text.strip())
    name = _name(last)
    if len(name) == 1 and modifiers:
        name = name.upper() if modifiers == ["shift"] else name.lower()
        modifiers = [] if modifiers == ["shift"] else modifiers
    whole = "+".join([*(one for one in _MODIFIERS if one in modifiers), name])
    return _SAME.get(whole, whole)


def shown(key: str) -> str:
    """Return a key as people write it: the way back from ``parse_key``."""
    *modifiers, name = key.split("+")
    with suppress(KeyError):
        name = _written(name)
    return "+".join([*modifiers, name])


def _parts(text: str) -> tuple[list[str], str]:
    """Return modifiers and what they modify, which may be ``+`` itself."""
    head, _, last = ("", "", "+") if text == "+" else text.rpartition("+")
    if text.endswith("++"):
        head, last = text[:-2], "+"
    modifiers = head.lower().split("+") if head else []
    if not set(modifiers) <= set(_MODIFIERS) or len(set(modifiers)) < len(modifiers):
        raise ValueError(text)
    return modifiers, last


def _name(text: str) -> str:
    if len(text) == 1:
        return _character(text)
    name = _OTHER_NAMES.get(text.lower(), text.lower())
    if name in _NAMED:
        return name
    try:  # Textual's own name of a character
        return _character(_written(name))
    except KeyError:
        raise ValueError(text) from None


def _written(name: str) -> str:
    """Return the character that Textual calls so. Raises KeyError."""
    if len(name) == 1 or name in _NAMED:
        return name
    words = _CHARACTERS.get(name, name).replace("_", " ")
    return unicodedata.lookup(words.replace("hyphen minus", "hyphen-minus"))


def _character(text: str) -> str:
    if text == " ":
        return "space"
    if not text.isprintable():
        raise ValueError(text)
    if text.isalnum():
        return text
    name = unicodedata.name(text, "").lower().replace("-", "_").replace(" ", "_")
    return _UNICODE.get(name, name)
