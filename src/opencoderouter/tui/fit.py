"""Pieces of text with roles, made to fit cells: cut, wrapped, styled."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment

from opencoderouter.core.fleet.line import Span
from opencoderouter.tui.themes import Look


def width(spans: Iterable[Span]) -> int:
    """Return how many cells pieces take."""
    return sum(cell_len(text) for text, _ in spans)


def cut(spans: tuple[Span, ...], cells: int, dots: str) -> tuple[Span, ...]:
    """Return what fits into so many cells; ``dots`` stand where something was left out."""
    room = cells
    kept: list[Span] = []
    for at, (text, role) in enumerate(spans):
        taken = cell_len(text)
        if taken > room or (taken == room and at + 1 < len(spans)):
            return (*kept, (_cut(text, room, dots), role))
        kept.append((text, role))
        room -= taken
    return tuple(kept)


def _cut(text: str, cells: int, dots: str) -> str:
    if cells <= len(dots):
        return dots[: max(0, cells)]
    return set_cell_size(text, cells - len(dots)) + dots


def wrap(spans: tuple[Span, ...], cells: int) -> list[tuple[Span, ...]]:
    """Return the lines of a text: broken between words, a word that is too long within."""
    lines: list[list[Span]] = [[]]
    room = max(1, cells)
    for text, role in spans:
        for word in _words(text):
            piece, taken = word, cell_len(word)
            if taken > room and lines[-1]:
                lines.append([])
                room, piece = cells, word.lstrip()
                taken = cell_len(piece)
            while taken > cells:
                head = _head(piece, cells)
                lines[-1].append((head, role))
                lines.append([])
                piece = piece[len(head) :]
                taken = cell_len(piece)
            lines[-1].append((piece, role))
            room -= taken
    return [tuple(line) for line in lines]


def _words(text: str) -> Iterable[str]:
    """Yield words, each with the spaces before it."""
    start = 0
    for at in range(1, len(text)):
        if text[at] == " " and text[at - 1] != " ":
            yield text[start:at]
            start = at
    if text:
        yield text[start:]


def _head(text: str, cells: int) -> str:
    """Return the longest beginning that fits, one letter at least."""
    taken = 0
    for at, letter in enumerate(text):
        taken += cell_len(letter)
        if taken > cells:
            return text[: max(1, at)]
    return text


def segments(spans: Iterable[Span], look: Look) -> list[Segment]:
    """Return pieces with the styles of their roles."""
    return [Segment(text, look.roles[role]) for text, role in spans]
