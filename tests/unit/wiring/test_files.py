"""The number of open files."""

from __future__ import annotations

import resource

import pytest

from opencoderouter.proxy.lane.lane import room
from opencoderouter.wiring.files import allow_many, warn_of_few


def test_as_many_as_this_user_may() -> None:
    """The soft limit becomes the hard one."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        allow_many()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(("processes", "level"), [(2, "INFO"), (1, "WARNING")])
def test_too_few(caplog: pytest.LogCaptureFixture, processes: int, level: str) -> None:
    """All processes together have fewer than are wanted: that is said, as a problem below half."""
    caplog.set_level("INFO")
    warn_of_few(processes * room(), processes)
    assert not caplog.records
    warn_of_few(2 * room() + 1, processes)
    assert f"max_connections={2 * room() + 1}" in caplog.text
    assert [one.levelname for one in caplog.records] == [level]
