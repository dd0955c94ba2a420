"""Tables and names on the terminal."""

from __future__ import annotations

import pytest

from opencoderouter.cli.text import columns, fitting, size, table, wrapped


def test_columns_are_aligned() -> None:
    """Each column is as wide as its widest cell; no line ends in blanks."""
    assert table(("A", "LONG"), [("xyz", "1"), ("b", "")]) == "A    LONG\nxyz  1\nb"


def test_names_cannot_move_the_cursor() -> None:
    """Escape sequences and direction marks of a folder's name are shown, not obeyed."""
    assert table(("A",), [("a\x1b[31mb\n",)]) == "A\na\\x1b[31mb\\n"


def test_sizes() -> None:
    """Memory is shown in whole megabytes, unknown as a dash."""
    assert (size(350 * 2**20), size(None)) == ("350 MB", "-")


def test_lines_as_wide_as_the_terminal() -> None:
    """Words, hyphens and commands stay whole, also where they are longer than a line."""
    text = "Start `ocr-router serve --port 1` on no-such-machine-that-anybody-knows now"
    assert wrapped(text, 26, "- ", "  ") == (
        "- Start\n  `ocr-router serve --port 1`\n  on\n  no-such-machine-that-anybody-knows\n  now"
    )
    assert wrapped(text, 0, "- ") == f"- {text}"
    assert (wrapped("", 9, "- "), wrapped("a ` b", 9)) == ("-", "a ` b")


def test_a_table_that_does_not_fit() -> None:
    """It becomes a block for each row, in which no address is broken."""
    rows = [("a", "192.0.2.1 192.0.2.2"), ("b\x1b", "-")]
    assert fitting(("N", "AT"), iter(rows), 26) == table(("N", "AT"), rows)
    assert fitting(("N", "AT"), rows, 0) == table(("N", "AT"), rows)
    assert fitting(("N", "AT"), iter(rows), 16) == (
        "N   a\nAT  192.0.2.1\n    192.0.2.2\n\nN   b\\x1b\nAT  -"
    )


def test_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says counts."""
    monkeypatch.setenv("COLUMNS", "37")
    assert columns() == 37
