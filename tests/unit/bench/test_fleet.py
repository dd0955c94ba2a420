"""The table of the fleet's benchmark."""

from __future__ import annotations

from bench.fleet import Sweep, table


def test_medians() -> None:
    """A line for each kind of sweep, with the medians of its rounds."""
    sweeps = [Sweep(3.0, 1.0), Sweep(1.0, 2.0), Sweep(2.0, 9.0)]
    assert table({"ours, first": sweeps})[2:] == ["| ours, first | 2.00 | 2.00 |"]
