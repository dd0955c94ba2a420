"""What the DNS bench makes of the figures."""

from __future__ import annotations

import pytest
from bench.dns import Figures, figures, table

SAID = """
  Queries sent:         1000
  Queries completed:    900 (90.00%)
  Queries lost:         100 (10.00%)

  Queries per second:   450.5
"""


def test_figures() -> None:
    """Only what was answered counts."""
    assert figures(SAID, 0.5) == Figures(450.5, 1800.0)


def test_no_figures() -> None:
    """What is no report is an error, not zero."""
    with pytest.raises(ValueError, match="no route"):
        figures("no route", 1.0)


def test_table() -> None:
    """Medians stand beside those of dnsmasq."""
    ours = [Figures(10.0, 30.0), Figures(99.0, 99.0), Figures(20.0, 40.0)]
    lines = table({"ours": ours, "dnsmasq": [Figures(40.0, 80.0)]})
    assert lines[2:] == ["| ours | 20 | 0.50 | 40 | 0.50 |", "| dnsmasq | 40 | 1.00 | 80 | 1.00 |"]
