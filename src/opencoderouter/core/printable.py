"""Text of others on a terminal or in a log: names of folders, answers of servers."""

from __future__ import annotations

import re

# C0, DEL and C1; the line and paragraph separators; the marks that reorder text; surrogates that
# stand for bytes which are not UTF-8 (PEP 383), or for nothing.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Return ``text`` on one line, with what could move a cursor as ``\x1b`` or ``\u202e``."""
    return _UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], text)
