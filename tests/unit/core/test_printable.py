"""Text of others is shown, not obeyed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/alice/мой shop", "/home/alice/мой shop"),
        ("a\nb\r\t", r"a\nb\r\t"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\udcff", r"\udcff"),
    ],
)
def test_what_could_move_the_cursor_is_escaped(text: str, shown: str) -> None:
    """Control characters, direction marks and broken bytes are escaped; letters stay."""
    assert printable(text) == shown


@given(st.text())
def test_the_result_is_one_line_that_can_be_encoded(text: str) -> None:
    """Whatever the text, it is one line of UTF-8, and printing it again changes nothing."""
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert printable(shown) == shown
    shown.encode()
