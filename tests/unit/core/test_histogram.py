"""Histograms: bounds, sums, and adding up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.histogram import Histogram

BOUNDS = (0.5, 1.0, 2.0)
VALUES = st.lists(st.integers(0, 40).map(lambda n: n / 8))


@pytest.mark.parametrize(
    ("value", "place"), [(0.0, 0), (0.5, 0), (0.51, 1), (1.0, 1), (2.0, 2), (2.1, 3), (9e9, 3)]
)
def test_a_value_is_counted_at_the_bound_that_holds_it(value: float, place: int) -> None:
    """A bound is the largest value of its own, as Prometheus has it; the last has no bound."""
    histogram = Histogram(BOUNDS)
    histogram.observe(value)
    assert [i for i, n in enumerate(histogram.snapshot().counts) if n] == [place]
    assert histogram.snapshot().total == value


def filled(values: list[float]) -> Histogram:
    """Return a histogram of these."""
    histogram = Histogram(BOUNDS)
    for value in values:
        histogram.observe(value)
    return histogram


@given(VALUES, VALUES)
def test_sums(one: list[float], other: list[float]) -> None:
    """Two together are what one would have counted; a snapshot stays as it is."""
    histogram = filled(one)
    before = histogram.snapshot()
    assert before.plus(filled(other).snapshot()) == filled(one + other).snapshot()
    histogram.observe(1.0)
    assert before == filled(one).snapshot()
