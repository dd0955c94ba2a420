"""Fuzzy search, small enough to run over thousands of titles for each key.

A word is found in a text as it stands, as the beginnings of its words (``olr`` in ``open login
router``, ``sn19`` in ``session number 19``), or with few letters between its own (``lgin`` in
``login``). Letters that are merely somewhere in the right order are no match: in long titles they
nearly always are.
"""

from __future__ import annotations

import re
from functools import lru_cache

_REST = re.compile(r"[^\W_]*+[\W_]++")  # of a word, up to the next one
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
    if not in_order(word).search(text):
        return 0
    if _beginnings(word, text):
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
    return _beginnings(word, text) or (_spread(word, text) if len(word) >= _FEWEST else ())


@lru_cache(maxsize=64)
def in_order(word: str) -> re.Pattern[str]:
    """Return what finds, at little cost, a line that has all letters at all, in this order.

    What it does not find has no score.
    """
    letters = (re.escape(letter) for letter in word)
    return re.compile("^" + "".join(rf"[^{one}\n]*+{one}" for one in letters), re.MULTILINE)


def _beginnings(word: str, text: str) -> tuple[int, ...]:
    """Return the places of letters that begin one word after the other, or follow each other."""
    reached = [[match.start() for match in _begun(word[:2]).finditer(text)]]  # by letter
    for letter in word[1:]:
        if not (before := reached[-1]):
            return ()
        next_words = (match.end() for at in before if (match := _REST.match(text, at)))
        after = {*(at + 1 for at in before), *next_words}
        reached.append(sorted(at for at in after if text[at : at + 1] == letter))
    return _back(reached) if len(word) > 1 and reached[-1] else ()


@lru_cache(maxsize=64)
def _begun(letters: str) -> re.Pattern[str]:
    """Return what finds the first letter where the second can be reached: most cannot."""
    first, second = re.escape(letters[0]), re.escape(letters[1:])
    return re.compile(rf"(?<![^\W_]){first}(?={second}|{_REST.pattern}{second})")


def _back(reached: list[list[int]]) -> tuple[int, ...]:
    """Return one way through, from the last letter on, with as few beginnings as may be."""
    found = [reached[-1][0]]
    for before in reversed(reached[:-1]):
        found.append(max(at for at in before if at < found[-1]))
    return tuple(reversed(found))


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
