"""Waiting for a condition, with a bound that only a hang reaches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(
    probe: Callable[[], T],
    *,
    within: float = 60,
    every: float = 0.05,
    what: Callable[[], object] = lambda: "",
) -> T:
    """Return the first true answer of ``probe``; fail after ``within`` seconds, saying ``what``."""
    end = time.monotonic() + within
    while not (value := probe()):
        assert time.monotonic() < end, f"not within {within:g} s: {what()}"
        time.sleep(every)
    return value
