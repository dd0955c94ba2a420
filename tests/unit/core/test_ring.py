"""The ring: nothing is missed without being told so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.ring import Ring


def ring(size: int, count: int) -> Ring[str]:
    """Return a ring that was given ``count`` items, each the text of its number."""
    result: Ring[str] = Ring(size)
    for number in range(1, count + 1):
        assert result.push(str(number)) == number
    return result


def test_repr() -> None:
    """The debug text tells which numbers are kept."""
    assert [repr(ring(3, count)) for count in (0, 2, 5)] == [
        "<Ring 1..0>",
        "<Ring 1..2>",
        "<Ring 3..5>",
    ]


def test_table() -> None:
    """Of three kept items, 3 to 5, one can ask from the second on."""
    answers = {number: ring(3, 5).after(number) for number in range(-1, 8)}
    assert answers == {
        **dict.fromkeys([-1, 0, 1, 6, 7]),
        2: [(3, "3"), (4, "4"), (5, "5")],
        3: [(4, "4"), (5, "5")],
        4: [(5, "5")],
        5: [],
    }


def test_empty() -> None:
    """Before the first item there is nothing to miss."""
    assert (ring(3, 0).after(0), ring(3, 0).after(1), ring(3, 0).last) == ([], None, 0)


@given(st.integers(1, 5), st.integers(0, 12), st.integers(-3, 15))
def test_all_or_none(size: int, count: int, number: int) -> None:
    """Either every item after the number comes, in order and once, or None."""
    kept = ring(size, count)
    missed = kept.after(number)
    expected = [(n, str(n)) for n in range(number + 1, count + 1)]
    assert kept.last == count
    assert missed == (expected if max(0, count - size) <= number <= count else None)
