"""Tests of what a container takes away."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.rig.diagnosis import facts, found, layers

from opencoderouter.doctor.container import CHECKS, Place, is_image, judge
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
            Place(
                MARK,
                proc=True,
                users=False,
                hardware=True,
                processes=False,
                hidden=True,
                alone=True,
            ),
            [(Status.INFO, "This is a user namespace of its own")],
        ),
        (
            Place(MARK, proc=True, users=False, hardware=True, processes=False),
            [(Status.INFO, "This is a user namespace of its own")],
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
            Place(MARK, proc=True, users=True, hardware=True, processes=False),
            [(Status.INFO, "A container with the host's network, but processes of its own")],
        ),
        (
            Place(MARK, proc=True, users=True, hardware=True, uid=0, lost="/state"),
            [
                (Status.INFO, "The router runs as root in a container"),
                (Status.INFO, "What the router keeps ends with the container"),
            ],
        ),
        (
            Place(MARK, proc=True, users=True, hardware=True, alone=True),
            [(Status.INFO, "No OpenCode runs as the user of this container")],
        ),
        (
            Place(MARK, proc=True, users=True, hardware=True, hidden=True, uid=0),
            [(Status.WARNING, "OpenCode processes of this user may not be looked at")],
        ),
        (
            Place((), proc=True, users=True, hardware=True, hides=True),
            [(Status.INFO, "/proc does not show all of your processes (hidepid)")],
        ),
        (
            Place((), proc=True, users=True, hardware=True, processes=False, uid=0),
            [(Status.OK, "Not in a container")],
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


@pytest.mark.parametrize(
    ("marks", "uid", "words"),
    [(MARK, 0, "--cap-add SYS_PTRACE"), (MARK, 7, "$(id -g)"), ((), 7, "ps -u")],
)
def test_how_to_look_at_them(marks: tuple[str, ...], uid: int, words: str) -> None:
    """In a container a user needs the group, root a capability; outside they need ours."""
    place = Place(marks, proc=True, users=True, hardware=True, hidden=True, uid=uid)
    assert words in next(iter(judge(place))).mend[0]


@pytest.mark.parametrize(
    ("users", "uid", "words"),
    [
        (True, 7, '--pid host --user "$(id -u)'),
        (True, 0, "--user 0:0 --cap-add SYS_PTRACE"),
        (False, 0, "podman run --network host --userns keep-id"),
    ],
)
def test_how_to_see_the_network(users: bool, uid: int, words: str) -> None:  # noqa: FBT001 - a row
    """The options are those of who runs it: a user, root, or somebody without root."""
    place = Place(MARK, proc=True, users=users, hardware=False, uid=uid)
    assert words in list(judge(place))[-1].mend[0]


def test_root_for_another() -> None:
    """Root's router for a user's servers needs his numbers: `id` tells root's."""
    (root,) = judge(Place(MARK, proc=True, users=True, hardware=True, uid=0))
    assert root.mend == ("docker run --network host --pid host --user UID:GID ...",)


def test_an_image(tmp_path: Path) -> None:
    """Layers at the root of a container; not those of a machine, nor a container with a disk."""
    inside = {"container": "podman"}
    assert not is_image(facts(tmp_path, environment=inside))
    layers(tmp_path)
    assert is_image(facts(tmp_path, environment=inside))
    assert not is_image(facts(tmp_path))


def test_a_layer(tmp_path: Path) -> None:
    """What lies in the container's own layer is lost with it; a volume is not, nor is a disk."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    known = facts(tmp_path, environment={"container": "podman"})
    state = Path("/ocr-nowhere/state")
    known = replace(known, settings=known.settings.model_copy(update={"state_dir": state}))
    for kind, lost in (("overlay", True), ("ext4", False)):
        line = f"1 0 0:1 / / rw,relatime shared:1 - {kind} {kind} rw\n"
        (tmp_path / "proc/self/mountinfo").write_text(line)
        told = {finding.summary for finding in found(CHECKS[0], known)}
        assert ("What the router keeps ends with the container" in told) is lost


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
    (finding,) = found(CHECKS[0], facts(tmp_path))
    assert finding.summary == "A container with the host's network, but processes of its own"
    (tmp_path / "proc/self/uid_map").write_text("0 1000 1\n")
    assert found(CHECKS[0], facts(tmp_path))[0].mend == ("ocr-router password",)
