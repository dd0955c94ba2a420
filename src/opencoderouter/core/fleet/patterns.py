"""Patterns of names as ssh has them (ssh_config(5), PATTERNS)."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WILD = frozenset("*?")


def is_wild(pattern: str) -> bool:
    """Tell whether a pattern can match more than one name."""
    return not _WILD.isdisjoint(pattern)


def matches(name: str, pattern: str) -> bool:
    """Tell whether a pattern matches: ``*`` and ``?`` are special, nothing else is."""
    if not is_wild(pattern):
        return name == pattern
    parts = ({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch("".join(parts), name, re.DOTALL) is not None


def any_matches(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether one of the patterns matches, and none that ``!`` negates does."""
    found = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if matches(name, pattern[1:]):
                return False
        elif not found:
            found = matches(name, pattern)
    return found
