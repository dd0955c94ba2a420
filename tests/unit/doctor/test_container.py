"""Tests of what a container takes away."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.rig.diagnosis import facts, found

from opencoderouter.doctor.container import CHECKS, Place, judge
from opencoderouter.doctor.finding import Status

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
MARK = ("/.dockerenv",)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Place((), proc=True, users=True, hardware=True), [(Status.OK, "Not in a container")]),
        (Place((), proc=True, users=True, hardware=False), [(Status.OK, "Not in a container")]),
        (
            Place(MARK, proc=True, users=True, hardware=True),
            [(Status.OK, "In a container, with the host's network")],
        ),
        (
            Place(MARK, proc=True, users=True, hardware=False),
            [(Status.INFO, "A container with a network of its own")],
        ),
        (
            Place(MARK, proc=True, users=False, hardware=False),
            [
                (Status.INFO, "This is a user namespace of its own"),
                (Status.INFO, "A container with a network of its own"),
            ],
        ),
        (
            Place((), proc=True, users=False, hardware=True),
            [(Status.INFO, "This is a user namespace of its own")],
        ),
        (
            Place(MARK, proc=False, users=False, hardware=True),
            [(Status.ERROR, "/proc is not mounted")],
        ),
    ],
)
def test_judged(place: Place, expected: list[tuple[Status, str]]) -> None:
    """What is missing is told; a container as such is no problem."""
    assert [(finding.status, finding.summary) for finding in judge(place)] == expected


def test_seen(tmp_path: Path) -> None:
    """The marks of engines, and the devices of the network, as the kernel shows them."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/uid_map").write_text("         0          0 4294967295\n")
    (tmp_path / "sys/class/net/eth0").mkdir(parents=True)
    assert found(CHECKS[0], facts(tmp_path))[0].summary == "Not in a container"
    (tmp_path / "proc/1").mkdir()
    (tmp_path / "proc/1/cgroup").write_text("0::/system.slice/docker-1234.scope\n")
    (finding,) = found(CHECKS[0], facts(tmp_path, environment={"container": "podman"}))
    assert finding.summary == "A container with a network of its own"
    assert finding.evidence == ("container=podman", "cgroup of docker")
    (tmp_path / "sys/class/net/eth0/device").mkdir()
    assert found(CHECKS[0], facts(tmp_path))[0].status is Status.OK
    (tmp_path / "proc/self/uid_map").write_text("0 1000 1\n")
    assert found(CHECKS[0], facts(tmp_path))[0].mend == ("ocr-router password",)
