"""Hosts that fail are asked less and less; sweeps keep hosts together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.fleet.model import HostState
from opencoderouter.core.fleet.pace import LONGEST, due, next_at, next_sweep, pause
from opencoderouter.core.fleet.preferences import Polling

NOW = 1_700_000_000.0
POLLING = Polling(interval=30.0, jitter=6.0)
BY_A_PERSON = [
    HostState.AUTH_REQUIRED,
    HostState.HOST_KEY_UNKNOWN,
    HostState.HOST_KEY_CHANGED,
]
OTHERS = [HostState.UNREACHABLE, HostState.BLOCKED, HostState.ERROR]


@pytest.mark.parametrize("state", OTHERS)
def test_doubles_from_the_interval(state: HostState) -> None:
    """The first failure changes nothing, each further one doubles, up to ten minutes."""
    found = [pause(state, failures, 30.0) for failures in range(1, 8)]
    assert found == [30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0]


@pytest.mark.parametrize("state", BY_A_PERSON)
def test_a_person_is_slower(state: HostState) -> None:
    """Who refuses us is asked at most four times in ten minutes, and never faster than others."""
    pauses = [pause(state, failures, 30.0) for failures in range(1, 5)]
    assert pauses == [120.0, 240.0, 480.0, 600.0]
    assert all(pause(state, n, 30.0) >= pause(OTHERS[0], n, 30.0) for n in range(1, 40))


@pytest.mark.parametrize("state", HostState)
def test_success_resets(state: HostState) -> None:
    """Without failures the interval holds, whatever was before."""
    assert pause(state, 0, 30.0) == 30.0


@pytest.mark.parametrize("state", HostState)
def test_long_interval(state: HostState) -> None:
    """A host that fails is never asked more often than one that does not."""
    assert pause(state, 3, 3600.0) == 3600.0


@given(
    st.sampled_from(HostState), st.integers(0, 10_000), st.floats(0.1, 86_400), st.floats(0, 1)
)  # fmt: skip
def test_next_is_later(state: HostState, failures: int, interval: float, draw: float) -> None:
    """The next question is at least an interval away, and at most the longest pause and jitter."""
    polling = Polling(interval=interval, jitter=5.0)
    ahead = next_at(NOW, state, failures, polling, draw) - NOW
    slack = 1e-6
    assert interval - slack <= ahead <= max(LONGEST, interval) + 5.0 + slack


def test_jitter_is_added() -> None:
    """The draw takes its share of the jitter."""
    found = [next_at(NOW, HostState.ONLINE, 0, POLLING, draw) - NOW for draw in (0.0, 0.5, 1.0)]
    assert found == [30.0, 33.0, 36.0]


def test_nobody_is_due_early() -> None:
    """As long as nobody's time has come there is no sweep, however near it is."""
    assert due({"a": NOW + 0.5, "b": NOW + 1}, NOW, POLLING) == ()
    assert due({}, NOW, POLLING) == ()


def test_a_sweep_takes_the_near_ones_along() -> None:
    """Hosts whose time comes within half an interval are asked with the first, the others not."""
    times = {"far": NOW + 15.1, "first": NOW, "near": NOW + 15.0, "late": NOW - 90, "new": None}
    assert due(times, NOW, POLLING) == ("first", "near", "late", "new")


def test_a_clock_that_was_set_back() -> None:
    """A time that nobody can have set holds nobody back."""
    assert due({"a": NOW + 607}, NOW, POLLING) == ("a",)
    assert due({"a": NOW + 605}, NOW, POLLING) == ()


def test_next_sweep_is_the_first() -> None:
    """The countdown goes to the first host that is due; who was never asked is due now."""
    assert next_sweep([NOW + 9, NOW + 3], NOW) == NOW + 3
    assert next_sweep([NOW + 9, None], NOW) == NOW
    assert next_sweep([], NOW) is None
