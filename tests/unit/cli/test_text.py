"""Tables and names on the terminal."""

from __future__ import annotations

from opencoderouter.cli.text import size, table


def test_columns_are_aligned() -> None:
    """Each column is as wide as its widest cell; no line ends in blanks."""
    assert table(("A", "LONG"), [("xyz", "1"), ("b", "")]) == "A    LONG\nxyz  1\nb"


def test_names_cannot_move_the_cursor() -> None:
    """Escape sequences and direction marks of a folder's name are shown, not obeyed."""
    assert table(("A",), [("a\x1b[31mb\n",)]) == "A\na\\x1b[31mb\\n"


def test_sizes() -> None:
    """Memory is shown in whole megabytes, unknown as a dash."""
    assert (size(350 * 2**20), size(None)) == ("350 MB", "-")
