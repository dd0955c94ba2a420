"""What others take their time for."""

from __future__ import annotations

from threading import Event

import pytest

from opencoderouter.cli.deadline import within

LONG = 30.0


def test_in_time() -> None:
    """What it returns, or raises, is what comes of it."""
    assert within(LONG, int, "11", base=2) == 3
    with pytest.raises(ValueError, match="invalid literal"):
        within(LONG, int, "x")


def test_too_late() -> None:
    """It is not waited for, though it goes on."""
    end, ended = Event(), Event()

    def wait() -> None:
        end.wait()
        ended.set()

    with pytest.raises(TimeoutError, match="timed out"):
        within(0.01, wait)
    assert not ended.is_set()
    end.set()
    assert ended.wait(LONG)
