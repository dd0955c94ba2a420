"""Fuzzy search, small enough to run over thousands of titles for each key.

A word is found in a text as it stands, as the first letters of its words (``olr`` in ``open login
router``), or with few letters between its own (``lgin`` in ``login``). Letters that are merely
somewhere in the right order are no match: in long titles they nearly always are.
"""

from __future__ import annotations

import re

_STARTS = re.compile(r"[^\W_]+")
_FEWEST = 3  # letters of a word that may have others between them
_TRIES = 8  # how often a match may begin anew: titles of others may be hostile
LONGEST = 400  # letters of a text that are looked at

START, INSIDE, INITIALS, SPREAD = 4, 3, 2, 1


def words(query: str) -> tuple[str, ...]:
    """Return what has to be found, each of it: the words of a query, in lower case."""
    return tuple(query.lower().split())


def folded(text: str) -> str:
    """Return a text in lower case, letter by letter at the same places."""
    text = text[:LONGEST]
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def score(word: str, text: str) -> int:
    """Return how good a match is, 0 for none. Both are folded."""
    at = text.find(word)
    if at >= 0:
        return START if at == 0 or not text[at - 1].isalnum() else INSIDE
    if not _in_order(word, text):
        return 0
    if _initials(word, text):
        return INITIALS
    return SPREAD if len(word) >= _FEWEST and _spread(word, text) else 0


def places(query: tuple[str, ...], text: str) -> frozenset[int]:
    """Return the places of the letters that were found."""
    lower = folded(text)
    return frozenset(place for word in query for place in _places(word, lower))


def _places(word: str, text: str) -> tuple[int, ...] | range:
    at = text.find(word)
    if at >= 0:
        return range(at, at + len(word))
    return _initials(word, text) or (_spread(word, text) if len(word) >= _FEWEST else ())


def _in_order(word: str, text: str) -> bool:
    """Tell at little cost whether all letters are there at all, in this order."""
    at = -1
    for letter in word:
        at = text.find(letter, at + 1)
        if at < 0:
            return False
    return True


def _initials(word: str, text: str) -> tuple[int, ...]:
    starts = [match.start() for match in _STARTS.finditer(text)]
    at = "".join(text[start] for start in starts).find(word) if len(word) > 1 else -1
    return tuple(starts[at : at + len(word)]) if at >= 0 else ()


def _spread(word: str, text: str) -> tuple[int, ...]:
    """Return the first places of the letters with at most half as many others between them."""
    widest = len(word) + len(word) // 2
    begin = 0
    for _ in range(_TRIES):
        found = _window(word, text, begin)
        if not found or found[-1] - found[0] < widest:
            return found
        begin = found[0] + 1
    return ()


def _window(word: str, text: str, begin: int) -> tuple[int, ...]:
    """Return the tightest places that end where the first match from ``begin`` on ends."""
    end = begin - 1
    for letter in word:
        end = text.find(letter, end + 1)
        if end < 0:
            return ()
    found = [end]
    for letter in reversed(word[:-1]):
        found.append(text.rfind(letter, 0, found[-1]))
    return tuple(reversed(found))
