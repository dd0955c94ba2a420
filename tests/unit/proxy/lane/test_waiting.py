"""A queue of those who wait."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.proxy.lane.waiting import Waiting


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def queue(
    clock: Clock, then: Callable[[str], None] | None = None
) -> tuple[Waiting[str], list[str]]:
    """Return a queue in which one waits for 10 seconds, and those who waited too long."""
    over: list[str] = []
    return Waiting(10, then or over.append, clock), over


def test_who_has_waited_too_long_is_told() -> None:
    """In the order of time, once; the others wait on."""
    clock = Clock()
    waiting, over = queue(clock)
    for name in ("a", "b", "c"):
        waiting.add(name)
        clock.now += 4
    waiting.sweep()  # 12, 8, 4 seconds
    assert over == ["a"]
    assert list(waiting) == ["b", "c"]
    clock.now += 2
    waiting.sweep()
    waiting.sweep()
    assert (over, len(waiting)) == (["a", "b"], 1)


def test_who_is_taken_out_is_not_told() -> None:
    """Nor does it matter whether somebody was there at all."""
    clock = Clock()
    waiting, over = queue(clock)
    waiting.add("a")
    waiting.discard("a")
    waiting.discard("b")
    clock.now += 100
    waiting.sweep()
    assert (over, len(waiting)) == ([], 0)


def test_who_comes_back_waits_anew() -> None:
    """The first time does not count."""
    clock = Clock()
    waiting, over = queue(clock)
    waiting.add("a")
    waiting.add("b")
    clock.now += 8
    waiting.discard("a")
    waiting.add("a")
    assert waiting.oldest() == "b"
    clock.now += 8
    waiting.sweep()
    assert (over, "a" in waiting, "b" in waiting) == (["b"], True, False)


def test_nobody_is_oldest_among_none() -> None:
    """An empty queue has no oldest."""
    with pytest.raises(StopIteration):
        queue(Clock())[0].oldest()


def test_the_queue_may_change_meanwhile() -> None:
    """Who is told may take others out, or come back, while the queue is swept or gone through."""
    clock = Clock()
    told: list[str] = []

    def then(name: str) -> None:
        told.append(name)
        waiting.discard("b")
        waiting.add(name)

    waiting, _ = queue(clock, then)
    for name in ("a", "b", "c"):
        waiting.add(name)
    clock.now += 20
    waiting.sweep()
    assert (told, list(waiting)) == (["a", "c"], ["a", "c"])
    for name in waiting:
        waiting.discard(name)
    assert len(waiting) == 0


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans(), st.integers(0, 6))))
def test_like_a_timer_for_each(steps: list[tuple[str, bool, int]]) -> None:
    """Whoever comes, goes or stays: those are told whose 10 seconds are over, and no others."""
    clock = Clock()
    waiting, over = queue(clock)
    since: dict[str, float] = {}
    for name, leaves, pause in steps:
        if leaves or name in since:
            since.pop(name, None)
            waiting.discard(name)
        else:
            since[name] = clock.now
            waiting.add(name)
        clock.now += pause
        late = [one for one, begun in since.items() if clock.now - begun >= 10]
        over.clear()
        waiting.sweep()
        assert over == late
        for one in late:
            del since[one]
    assert list(waiting) == list(since)
