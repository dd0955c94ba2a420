"""Tests of versions and user."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from tests.rig.diagnosis import facts, found

from opencoderouter import __version__
from opencoderouter.doctor.finding import Status
from opencoderouter.doctor.versions import CHECKS, judge

USER, VERSIONS = CHECKS


def test_versions(tmp_path: Path) -> None:
    """Of this program, of Python, of the system, of each library that is needed."""
    (finding,) = found(VERSIONS, facts(tmp_path))
    assert (finding.status, finding.summary) == (Status.INFO, f"ocr-router {__version__}")
    seen = " ".join(finding.evidence)
    for word in (platform.python_version(), platform.release(), "aiohttp 3", "typer 0"):
        assert word in seen


@pytest.mark.parametrize(
    ("name", "entered", "home", "sudo", "status"),
    [
        ("me", "/elsewhere", "", "", Status.OK),
        ("root", "/elsewhere", "", "me", Status.WARNING),
        ("root", "", "", "", Status.OK),
        ("me", "", "missing", "", Status.ERROR),
    ],
)
def test_user(
    tmp_path: Path, name: str, entered: str, home: str, sudo: str, status: Status
) -> None:
    """A home is needed; root must not use another's."""
    assert judge(name, entered, tmp_path / home, sudo).status is status


def test_no_home_in_an_image(tmp_path: Path) -> None:
    """There it is a volume."""
    home = tmp_path / "missing"
    finding = judge("me", "", home, "", inside=True)
    assert finding.mend == (f"docker run --volume VOLUME:{home} ...",)


def test_sudo_with_its_own_home(tmp_path: Path) -> None:
    """Root in root's home is nobody's business, however it came."""
    assert judge("root", str(tmp_path), tmp_path, "me").status is Status.OK


def test_who_runs_this(tmp_path: Path) -> None:
    """The user of the process is found."""
    assert found(USER, facts(tmp_path))[0].summary.startswith("Servers run as ")
