"""Text of others on a terminal or in a log: names of folders, answers of servers."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return ``text`` on one line, with what could move a cursor as ``\x1b`` or ``\u202e``.

    Escaped is what Unicode has as other or separator, but for the space: control characters, marks
    that reorder text or cannot be seen, and the surrogates that stand for bytes which are not
    UTF-8 (PEP 383).
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
