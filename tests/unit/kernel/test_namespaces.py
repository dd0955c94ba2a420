"""The user namespace, as the kernel tells of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from opencoderouter.kernel.namespaces import (
    container_marks,
    hides_processes,
    sees_all_processes,
    sees_hardware,
    tells_users_apart,
)


@pytest.mark.parametrize(
    ("said", "apart"),
    [
        ("         0          0 4294967295\n", True),
        ("         0       1000          1\n", False),
        ("         0     100000      65536\n", False),
        ("         0       1000          1\n         1     100000      65536\n", False),
        ("", False),
    ],
)
def test_tells_users_apart(said: str, *, apart: bool, tmp_path: Path) -> None:
    """Only where every user is mapped to itself: a rootless container maps some."""
    (tmp_path / "self").mkdir()
    (tmp_path / "self/uid_map").write_text(said)
    assert tells_users_apart(tmp_path) is apart


def test_unknown(tmp_path: Path) -> None:
    """Where the kernel has no such thing, there is nothing else; where it cannot be read: no."""
    assert tells_users_apart(tmp_path)
    (tmp_path / "self").mkdir()
    assert not tells_users_apart(tmp_path)


def test_processes(tmp_path: Path) -> None:
    """What has no process namespaces sees all; what has another than the machine's does not."""
    assert sees_all_processes(tmp_path)
    (tmp_path / "self/ns").mkdir(parents=True)
    assert not sees_all_processes(tmp_path)
    (tmp_path / "self/ns/pid").touch()
    assert not sees_all_processes(tmp_path)


def test_hidden_processes(tmp_path: Path) -> None:
    """The mount of /proc says it, the last one; who is in its group sees all."""
    assert not hides_processes(tmp_path)
    (tmp_path / "self").mkdir()
    mine, other = os.getegid(), max([os.getegid(), *os.getgroups()]) + 1
    for options, hides in (
        ("rw", False),
        ("rw,hidepid=0", False),
        ("rw,gid=5,hidepid=off", False),
        ("rw,hidepid=2", True),
        ("rw,hidepid=invisible", True),
        ("rw,hidepid=ptraceable", True),
        (f"rw,gid={mine},hidepid=invisible", False),
        (f"rw,gid={other},hidepid=invisible", True),
    ):
        lines = ["21 1 0:20 / /proc rw - proc proc rw,hidepid=off"]
        lines += [f"22 21 0:21 / /proc rw,relatime shared:5 - proc proc {options}"]
        lines += ["23 22 0:22 / /proc/x rw - tmpfs tmpfs rw"]
        (tmp_path / "self/mountinfo").write_text("\n".join(lines))
        assert hides_processes(tmp_path) is hides


def test_marks(tmp_path: Path) -> None:
    """A container is known by what its engine leaves in it."""
    assert container_marks({}, tmp_path) == ()
    (tmp_path / ".dockerenv").touch()
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/cgroup").write_text("0::/kubepods/x\n")
    expected = (f"{tmp_path}/.dockerenv", "container=oci", "cgroup of kubepods")
    assert container_marks({"container": "oci"}, tmp_path) == expected


def test_hardware(tmp_path: Path) -> None:
    """Only an interface that is a device is the machine's own."""
    (tmp_path / "class/net/eth0").mkdir(parents=True)
    assert not sees_hardware(tmp_path)
    (tmp_path / "class/net/eth0/device").mkdir()
    assert sees_hardware(tmp_path)
