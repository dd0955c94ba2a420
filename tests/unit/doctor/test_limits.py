"""Tests of what so many open files are enough for."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from tests.rig.diagnosis import facts, found, layers

from opencoderouter.doctor.finding import Status
from opencoderouter.doctor.limits import CHECKS, judge


@pytest.mark.parametrize(
    ("hard", "wanted", "workers", "asked", "status"),
    [
        (resource.RLIM_INFINITY, 10**6, 1, False, Status.OK),
        (20_064, 10_000, 1, False, Status.OK),
        (20_063, 10_000, 1, False, Status.INFO),  # the default is more than anybody needs
        (20_063, 10_000, 2, False, Status.OK),
        (20_063, 10_000, 1, True, Status.WARNING),  # somebody wants them
        (1064, 10_000, 1, False, Status.INFO),
        (1062, 10_000, 1, False, Status.WARNING),
        (10, 10_000, 1, False, Status.WARNING),
    ],
)
def test_enough(hard: int, wanted: int, workers: int, status: Status, *, asked: bool) -> None:
    """Two files a connection and 64 besides; too few is a problem when it can be felt."""
    assert judge(hard, wanted, workers, "here", asked=asked).status is status


def test_its_advice_is_enough() -> None:
    """Either number that it names makes it fine."""
    first, second = judge(1000, 5000, 3, "here", asked=True).mend
    fewer = int(first.rpartition(" ")[2])
    more = int(second.partition("--nofile=")[2].partition(":")[0])
    assert judge(1000, fewer, 3, "here", asked=True).status is Status.OK
    assert judge(more, 5000, 3, "here", asked=True).status is Status.OK
    assert judge(more - 2, 5000, 3, "here", asked=True).status is Status.WARNING


def test_in_an_image(tmp_path: Path) -> None:
    """There the engine sets the limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        pytest.skip("no limit here")
    layers(tmp_path)
    inside = {"container": "podman"}
    known = facts(tmp_path, environment=inside, port=1, max_connections=hard, workers=1)
    (finding,) = found(CHECKS[0], known)
    assert finding.mend[1] == f"docker run --ulimit nofile={2 * hard + 64}:{2 * hard + 64} ..."
