"""The time of day."""

from __future__ import annotations

import time

from opencoderouter.wiring.clock import clock


def test_it_is_now() -> None:
    """Seconds since 1970, as files are dated by them."""
    before = time.clock_gettime(time.CLOCK_REALTIME)
    assert before <= clock() <= time.clock_gettime(time.CLOCK_REALTIME)
