"""Looking again: soon at first, then seldom."""

from __future__ import annotations

from opencoderouter.scan.again import Again

ONE, TWO = frozenset({1}), frozenset({1, 2})


def test_backs_off() -> None:
    """What stays missing is looked for at doubling pauses, up to the longest."""
    again = Again(1, 5)
    looks = [now for now in range(100, 130) if again.is_due(ONE, now)]
    assert looks == [100, 101, 103, 107, 112, 117, 122, 127]


def test_nothing_missing() -> None:
    """While nothing is missing there is no look, and the next begins soon again."""
    again = Again(1, 5)
    assert [again.is_due(ONE, now) for now in (0, 1, 3)] == [True] * 3
    assert not again.is_due(frozenset(), 90)
    assert [again.is_due(ONE, now) for now in (91, 92)] == [True] * 2


def test_more_missing() -> None:
    """What is newly missing is looked for at once; one less does not hurry."""
    again = Again(1, 5)
    assert [again.is_due(ONE, now) for now in (0, 1, 2)] == [True, True, False]
    assert again.is_due(TWO, 2)
    assert not again.is_due(ONE, 2.5)
