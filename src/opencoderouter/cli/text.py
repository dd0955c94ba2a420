"""Tables for the terminal: columns as wide as they need to be, nothing that moves the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from opencoderouter.core.model import Sessions
from opencoderouter.core.printable import printable


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
