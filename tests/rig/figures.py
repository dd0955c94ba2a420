"""Figures that a test run measures and prints at its end."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

# Keeps a series of seconds under a name.
Measure = Callable[[str, Sequence[float]], None]


def summary(seconds: Sequence[float]) -> str:
    """Return median, worst and count."""
    middle, worst = statistics.median(seconds) * 1000, max(seconds) * 1000
    return f"median {middle:.0f} ms, worst {worst:.0f} ms of {len(seconds)}"
