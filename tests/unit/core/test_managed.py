"""Managed projects are plain values."""

from __future__ import annotations

from opencoderouter.core.managed import Managed
from opencoderouter.core.model import Status


def test_starting_point() -> None:
    """A project about to start has no process, no port, no failure yet."""
    managed = Managed("/srv/app", Status.STARTING)
    assert (managed.pid, managed.port, managed.restarts, managed.reason) == (None, None, 0, "")


def test_values_compare() -> None:
    """Two snapshots that say the same are equal, so that nothing is announced twice."""
    first = {"/srv/app": Managed("/srv/app", Status.READY, 42, 30000)}
    assert first == {"/srv/app": Managed("/srv/app", Status.READY, 42, 30000)}
    assert first != {"/srv/app": Managed("/srv/app", Status.READY, 43, 30000, restarts=1)}
