"""Failures: what they cost, for how long, and that no process forgets those of another one."""

from __future__ import annotations

import multiprocessing
import os
import socket
from multiprocessing.connection import Connection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.proxy.lane.strikes import FREE, LONGEST, MEMORY, Strikes, penalty

FAR = "192.0.2.7"
START = 1_000_000.25  # seconds of some clock


def rows(count: int) -> list[Strikes]:
    """Return the counts as each of so many processes has them."""
    first = Strikes.create(count)
    return [first, *(Strikes.attach(os.dup(first.fileno()), row) for row in range(1, count))]


def test_what_failures_cost() -> None:
    """Five cost nothing; each further one twice as much as that before, a minute at most."""
    assert [penalty(count) for count in range(6)] == [0.0] * 6
    assert [penalty(count) for count in range(6, 14)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert penalty(0xFFFF) == LONGEST


@pytest.mark.parametrize("count", [1, 2, 4])
def test_all_processes_count(count: int) -> None:
    """Whichever process a failure is seen by makes no difference to any of them."""
    processes = rows(count)
    for number in range(FREE):
        assert processes[0].wait(FAR, START) == 0
        processes[number % count].failed(FAR, START)
    assert {one.wait(FAR, START) for one in processes} == {0}
    for number, wait in enumerate([1, 2, 4, 8, 16, 32, 60, 60]):
        processes[number % count].failed(FAR, START)
        waits = [one.wait(FAR, START) for one in processes]
        assert waits == [pytest.approx(wait, abs=0.01)] * count


def test_a_wait_ends() -> None:
    """It is counted from the last failure, and is over in time."""
    strikes, other = rows(2)
    for number in range(FREE + 3):
        (strikes, other)[number % 2].failed(FAR, START + number)
    last = START + FREE + 2
    assert strikes.wait(FAR, last + 1) == pytest.approx(3, abs=0.01)
    assert strikes.wait(FAR, last + 4) == 0


@pytest.mark.parametrize("quiet", [True, False])
def test_failures_are_forgotten(quiet: bool) -> None:  # noqa: FBT001
    """After a quarter of an hour without one, and not a moment before."""
    (strikes,) = rows(1)
    for _ in range(20):
        strikes.failed(FAR, START)
    later = START + MEMORY + (1 if quiet else -1)
    assert strikes.wait(FAR, later) == 0
    strikes.failed(FAR, later)
    assert (strikes.wait(FAR, later) == 0) is quiet


def test_who_has_shown_who_he_is_begins_anew() -> None:
    """All failures are forgotten, in all processes; those of others are not."""
    one, other = rows(2)
    for each in (one, other) * 5:
        each.failed(FAR, START)
        each.failed("192.0.2.8", START)
    one.succeeded(FAR)
    assert other.wait(FAR, START) == 0
    other.failed(FAR, START)
    assert one.wait(FAR, START) == 0
    assert one.wait("192.0.2.8", START) > 0


def test_users_of_this_machine_do_not_wait_for_each_other() -> None:
    """A local user who guesses makes nobody else wait; an IPv6 network has one fate."""
    (strikes,) = rows(1)
    for _ in range(8):
        strikes.failed("127.0.0.1#1001", START)
        strikes.failed("2001:db8::1", START)
    assert strikes.wait("127.0.0.1#1002", START) == 0
    assert strikes.wait("127.0.0.1", START) == 0
    assert strikes.wait("2001:db8::ffff:2", START) > 0


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1000)), max_size=40))
def test_nobody_gains_by_choosing_a_process(steps: list[tuple[int, float]]) -> None:
    """All failures of the last quarter of an hour cost what they would in a single process."""
    processes = rows(4)
    now, times = START, []
    for row, pause in steps:
        now += pause
        processes[row].failed(FAR, now)
        times.append(now)
    recent = sum(now - one < MEMORY - 1 for one in times)
    assert processes[0].wait(FAR, now) >= penalty(recent) - 0.01


def test_a_number_that_is_too_large_stays_the_largest() -> None:
    """However often somebody fails, it is not taken for less, nor for another time."""
    (strikes,) = rows(1)
    for _ in range(0xFFFF + 10):
        strikes.failed(FAR, START)
    assert strikes.wait(FAR, START) == pytest.approx(LONGEST, abs=0.01)


def _fail(pipe: Connection) -> None:
    """Be another process: fail as often as asked, then tell how long the wait is."""
    with socket.socket(fileno=pipe.fileno()) as own:
        _, (fd,), _, _ = socket.recv_fds(own, 1, 1)
        own.detach()
    strikes = Strikes.attach(fd, 1)
    for _ in range(pipe.recv()):
        strikes.failed(FAR, START)
    pipe.send(strikes.wait(FAR, START))


def test_another_process_has_seen_it() -> None:
    """Failures in a real second process count in this one, those of this one in it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_fail, args=(theirs,))
    process.start()
    strikes = Strikes.create(2)
    for _ in range(4):
        strikes.failed(FAR, START)
    with socket.socket(fileno=ours.fileno()) as own:
        socket.send_fds(own, [b"."], [strikes.fileno()])
        own.detach()
    ours.send(4)
    assert ours.recv() == pytest.approx(penalty(8), abs=0.01) == strikes.wait(FAR, START)
    process.join(20)
    assert process.exitcode == 0
