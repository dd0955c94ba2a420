"""When a run counts, and what its figures are."""

from __future__ import annotations

import pytest
from bench.answers import Stats
from bench.cases import Case, count_wrong, sample
from bench.load import Done, Own, Wrk

SMALL = Case("small", Wrk("same", "/small", 4, 1))
UPLOAD = Case("up", Own("upload", 4, 1), "/sink", 1000)
NOTHING = Stats(0, 0, 0, 0)


@pytest.mark.parametrize("served", [100, 104])
def test_a_run_counts_when_the_backend_served_it(served: int) -> None:
    """What was under way on the connections at the end may come on top."""
    assert not count_wrong(SMALL, Done(100, 1), NOTHING, Stats(served, 0, 0, 0))


@pytest.mark.parametrize("served", [0, 99, 105])
def test_a_proxy_that_answers_by_itself_does_not_count(served: int) -> None:
    """Neither do requests that are sent twice."""
    assert count_wrong(SMALL, Done(100, 1), NOTHING, Stats(served, 0, 0, 0))


def test_an_upload_counts_only_when_its_bytes_arrived() -> None:
    """The number of requests is not enough."""
    assert count_wrong(UPLOAD, Done(3, 1), NOTHING, Stats(3, 2999, 0, 0))
    assert not count_wrong(UPLOAD, Done(3, 1), NOTHING, Stats(3, 3000, 0, 0))


def test_messages_are_counted_apart() -> None:
    """For WebSockets the backend's count of messages is what must agree."""
    case = Case("sockets", Own("sockets", 1, 1, opens=True))
    assert not count_wrong(case, Done(5, 1), NOTHING, Stats(0, 0, 5, 0))
    assert count_wrong(case, Done(5, 1), NOTHING, Stats(5, 0, 0, 0))


def test_requests_are_told_a_second_and_in_microseconds() -> None:
    """Half a second of CPU for 100 requests in 2 seconds."""
    found = sample(SMALL, Done(100, 2), 0.5)
    assert found.rate == 50
    assert found.cpu == pytest.approx(5000)


def test_bodies_are_told_in_megabytes_a_second_and_milliseconds_a_gigabyte() -> None:
    """3,000 bodies of 1,000 bytes in 2 seconds for 6 ms of CPU."""
    found = sample(UPLOAD, Done(3000, 2), 0.006)
    assert found.rate == pytest.approx(1.5)
    assert found.cpu == pytest.approx(2000)


def test_without_a_proxy_there_is_no_cpu_time() -> None:
    """The load generator's own is of no interest."""
    assert sample(SMALL, Done(1, 1), None).cpu is None


def test_nothing_answered_is_an_error() -> None:
    """It is not a rate of zero."""
    assert sample(SMALL, Done(0, 1), 0.0).error
