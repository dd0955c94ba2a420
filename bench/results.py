"""All that was measured, and the questions that the report asks of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

from bench.alone import Alone
from bench.cases import Sample
from bench.footprint import Footprint
from bench.proxies import DIRECT, OURS, Missing

_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """How much was measured."""

    rounds: int
    seconds: int
    streams: int
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Results:
    """What the report is made of. ``alone`` is text when it failed, None when not asked for."""

    plan: Plan
    facts: Mapping[str, str]
    apart: bool
    versions: Mapping[str, str]
    titles: Mapping[str, str]
    missing: Sequence[Missing] = ()
    cells: Mapping[tuple[str, str], Sequence[Sample]] = field(default_factory=dict)
    footprints: Mapping[str, Footprint | str] = field(default_factory=dict)
    alone: Alone | str | None = None
    date: str = ""
    minutes: float = 0.0

    def cell(self, case: str, proxy: str) -> Sample | None:
        """Return the medians of a cell; its error if one run had one; None if there is none."""
        runs = self.cells.get((case, proxy), ())
        return typical(runs) if runs else None

    def rate(self, case: str, proxy: str) -> float | None:
        """Return the median rate, if the cell is valid."""
        cell = self.cell(case, proxy)
        return cell.rate if cell and not cell.error else None

    def cpu(self, case: str, proxy: str) -> float | None:
        """Return the median CPU time of one, if the cell is valid."""
        cell = self.cell(case, proxy)
        return cell.cpu if cell and not cell.error else None

    def added(self, proxy: str) -> tuple[float, float] | None:
        """Return the median of what a proxy adds to p50 and p99, round by round, in seconds."""
        runs, bare = self.cells.get(("latency", proxy), ()), self.cells.get(("latency", DIRECT), ())
        pairs = list(zip(runs, bare, strict=False))
        if not pairs or any(run.error or base.error for run, base in pairs):
            return None
        return (
            median(run.p50 - base.p50 for run, base in pairs),
            median(run.p99 - base.p99 for run, base in pairs),
        )

    def ours(self) -> Footprint | None:
        """Return the footprint of our router, if it was measured."""
        found = self.footprints.get(OURS)
        return found if isinstance(found, Footprint) else None


def typical(runs: Sequence[Sample]) -> Sample:
    """Return the median of each figure, or the first run that failed."""
    failed = next((run for run in runs if run.error), None)
    if failed:
        return failed
    spent = [run.cpu for run in runs if run.cpu is not None]
    return Sample(
        median(run.rate for run in runs),
        median(spent) if spent else None,
        median(run.p50 for run in runs),
        median(run.p99 for run in runs),
    )


def ratio(one: float | None, other: float | None) -> float | None:
    """Return one / other where both are known."""
    return one / other if one is not None and other else None


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of at least one value."""
    if len(values) == 1:
        return values[0]
    return quantiles(values, n=_PERCENT, method="inclusive")[percent - 1]
