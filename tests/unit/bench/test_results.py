"""Medians, ratios, percentiles."""

from __future__ import annotations

import pytest
from bench.cases import Sample
from bench.proxies import DIRECT, OURS
from bench.results import Plan, Results, percentile, ratio, typical


def results(cells: dict[tuple[str, str], list[Sample]]) -> Results:
    """Return results with these cells."""
    return Results(Plan(3, 1, 10), {}, True, {}, {OURS: "OpenCodeRouter"}, cells=cells)  # noqa: FBT003


def test_each_figure_has_its_own_median() -> None:
    """One odd round does not count."""
    found = typical([Sample(10, 3.0), Sample(1000, 1.0), Sample(12, 2.0)])
    assert (found.rate, found.cpu) == (12, 2.0)


def test_one_failed_run_makes_a_cell_invalid() -> None:
    """Its figures are not told."""
    found = results({("x", OURS): [Sample(10, 1.0), Sample(error="no")]})
    cell = found.cell("x", OURS)
    assert cell is not None
    assert cell.error == "no"
    assert found.rate("x", OURS) is None


def test_added_latency_is_taken_round_by_round() -> None:
    """What the backend took in the same round is subtracted."""
    mine = [Sample(p50=2.0, p99=5.0), Sample(p50=4.0, p99=9.0), Sample(p50=3.0, p99=7.0)]
    bare = [Sample(p50=1.0, p99=1.0), Sample(p50=3.0, p99=6.0), Sample(p50=1.0, p99=1.0)]
    found = results({("latency", OURS): mine, ("latency", DIRECT): bare})
    assert found.added(OURS) == (1.0, 4.0)


def test_without_the_bare_backend_nothing_is_added() -> None:
    """There is nothing to subtract."""
    assert results({("latency", OURS): [Sample(p50=1.0)]}).added(OURS) is None


@pytest.mark.parametrize(("one", "other"), [(None, 1.0), (1.0, None), (1.0, 0.0)])
def test_a_ratio_needs_both(one: float | None, other: float | None) -> None:
    """It is unknown, not zero."""
    assert ratio(one, other) is None


def test_percentiles_of_one_and_of_many() -> None:
    """They lie within what was measured."""
    assert percentile([4.0], 99) == 4.0
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0
    assert 99 <= percentile([float(i) for i in range(101)], 99) <= 100
