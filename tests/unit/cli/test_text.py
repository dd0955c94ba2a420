"""Tables and names on the terminal."""

from __future__ import annotations

from opencoderouter.cli.text import plain, size, table


def test_columns_are_aligned() -> None:
    """Each column is as wide as its widest cell; no line ends in blanks."""
    assert table(("A", "LONG"), [("xyz", "1"), ("b", "")]) == "A    LONG\nxyz  1\nb"


def test_names_cannot_move_the_cursor() -> None:
    """Escape sequences and direction marks of a folder's name are shown, not obeyed."""
    assert plain("a\x1b[31mb\u202ec\n") == "a?[31mb?c?"


def test_sizes() -> None:
    """Memory is shown in whole megabytes, unknown as a dash."""
    assert (size(350 * 2**20), size(None)) == ("350 MB", "-")
