"""The one place where the time of day comes from."""

from __future__ import annotations

import time


def clock() -> float:
    """Return POSIX seconds: what tokens, sessions and reports of hosts are dated by."""
    return time.time()  # noqa: TID251 - everything below takes a clock as argument
