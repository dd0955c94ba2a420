"""Pieces of text made to fit cells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from opencoderouter.core.fleet.preferences import Display
from opencoderouter.core.fleet.status import Role
from opencoderouter.tui.fit import cut, segments, width, wrap
from opencoderouter.tui.themes import Terminal, setting

TEXT = st.text("ab 🟢é中", max_size=30)
SPANS = st.lists(st.tuples(TEXT, st.sampled_from(Role)), max_size=4).map(tuple)
ONE = (("ab", Role.TEXT), ("cd", Role.DIM))


def test_cut() -> None:
    """What does not fit is left out, and dots stand for it."""
    assert cut(ONE, 4, "…") == ONE
    assert cut(ONE, 3, "…") == (("ab", Role.TEXT), ("…", Role.DIM))
    assert cut((("🟢🟢", Role.TEXT),), 3, "…") == (("🟢…", Role.TEXT),)
    assert cut(ONE, 1, "..") == ((".", Role.TEXT),)


@given(SPANS, st.integers(0, 30))
def test_cut_fits(spans: tuple[tuple[str, Role], ...], cells: int) -> None:
    """Whatever the letters, what is left fits."""
    assert width(cut(spans, cells, "…")) <= cells


def test_wrap() -> None:
    """Lines break between words; a word that is too long breaks within."""
    lines = wrap((("the cat", Role.TEXT), (" abcdefgh", Role.BAD)), 5)
    assert ["".join(text for text, _ in line) for line in lines] == ["the", "cat", "abcde", "fgh"]


@given(SPANS, st.integers(2, 20))
def test_wrap_fits(spans: tuple[tuple[str, Role], ...], cells: int) -> None:
    """Every line fits, and no letter but spaces is lost."""
    lines = wrap(spans, cells)
    assert all(width(line) <= cells for line in lines if "".join(t for t, _ in line).strip())
    kept = "".join(text for line in lines for text, _ in line).replace(" ", "")
    assert kept == "".join(text for text, _ in spans).replace(" ", "")


def test_segments() -> None:
    """Pieces get the styles of their roles."""
    look = setting(Display(), Terminal()).look
    found = segments(ONE, look)
    assert [(one.text, one.style) for one in found] == [
        ("ab", look.roles[Role.TEXT]),
        ("cd", look.roles[Role.DIM]),
    ]
    assert cell_len(found[0].text) == 2
