"""What the load generators say."""

from __future__ import annotations

import pytest
from bench.load import Done, read_own, read_wrk

_LINE = "bench requests=500 microseconds=1000000 connect=0 read={} write=0 status={} timeout=0"


def test_a_clean_run_of_wrk_has_no_error() -> None:
    """Its own lines around are passed over."""
    assert read_wrk(f"Running\n{_LINE.format(0, 0)}\n") == Done(500, 1.0)


@pytest.mark.parametrize(("read", "status", "said"), [(3, 0, "read=3"), (0, 7, "status=7")])
def test_any_error_of_wrk_is_one_of_the_run(read: int, status: int, said: str) -> None:
    """Socket errors and answers other than 2xx and 3xx make the run void."""
    assert read_wrk(_LINE.format(read, status)).error == f"wrk: {said}"


def test_wrk_that_failed_is_an_error() -> None:
    """Its last words are the reason."""
    assert "unable to connect" in read_wrk("unable to connect to 127.0.0.1\n").error


def test_the_last_line_of_our_generator_counts() -> None:
    """What it said before is passed over."""
    said = 'started\n{"count": 2, "seconds": 1.5, "error": "", "p50": 0.1, "p99": 0.2}\n'
    assert read_own(said) == Done(2, 1.5, "", 0.1, 0.2)


@pytest.mark.parametrize("output", ["", "started\n", "panic: x\n"])
def test_our_generator_that_failed_is_an_error(output: str) -> None:
    """Nothing to read is never a result."""
    assert read_own(output).error
