"""Tables for the terminal: columns as wide as they need to be, nothing that moves the cursor."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable, Sequence

from opencoderouter.core.model import Sessions
from opencoderouter.core.printable import printable

_COMMAND = re.compile(r"`[^`]*`")
_JOINED = "\0"  # within a command; nothing that is printable has it


def columns() -> int:
    """Return how many columns the terminal has; 0 where the output does not go to one."""
    return shutil.get_terminal_size((0, 0)).columns


def wrapped(text: str, width: int, first: str = "", rest: str = "") -> str:
    """Return a text in lines of at most ``width`` columns; in one where that is 0.

    No word is broken, nor is a command in backticks: what does not fit is longer. Lines begin
    with ``first`` and then with ``rest``.
    """
    if not width:
        return first + text
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _JOINED), text)
    lines = textwrap.wrap(
        whole,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace(_JOINED, " ") or first.rstrip()


def fitting(head: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> str:
    """Return a table; a block for each row where it would be wider than ``width`` (0: never)."""
    rows = list(rows)
    whole = table(head, rows)
    if not width or max(map(len, whole.splitlines())) <= width:
        return whole
    names = max(map(len, head))
    return "\n\n".join(
        "\n".join(
            wrapped(printable(cell), width, f"{name:{names}}  ", " " * (names + 2))
            for name, cell in zip(head, row, strict=True)
        )
        for row in rows
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return ``head`` and ``rows`` as lines with aligned columns."""
    lines = [tuple(head), *(tuple(map(printable, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def size(octets: int | None) -> str:
    """Return a size in mebibytes, as ``ps`` shows it."""
    return "-" if octets is None else f"{octets / 2**20:.0f} MB"


def sessions(count: Sessions | None) -> str:
    """Return how many sessions there are, and how many of them are busy."""
    if count is None:
        return "-"
    busy = f" ({count.busy} busy)" if count.busy else ""
    return f"{count.total}{'+' if count.more else ''}{busy}"
