"""How discovery goes about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScanPolicy:
    """Settings of discovery; durations in seconds.

    ``ports`` are looked at whoever serves there. ``interval`` is between two checks of a known
    server, and between two scans where the kernel cannot be asked; ``concurrency`` and
    ``stale_after`` matter only there, and so does ``adopt_unowned``: take in servers that cannot
    be proven to be this user's. ``poll`` is between two questions to the kernel.
    """

    ports: range
    interval: float
    concurrency: int
    stale_after: float
    adopt_unowned: bool = False
    poll: float = 0.1
