"""Tests of settings and their file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.rig.diagnosis import Patient, facts, found

from opencoderouter.doctor.config import CHECKS
from opencoderouter.doctor.finding import Status

(CONFIG,) = CHECKS


def test_where_settings_come_from(tmp_path: Path) -> None:
    """All defaults is fine; what is not one is named with its origin."""
    assert found(CONFIG, facts(tmp_path))[0].summary == "All settings are the defaults"
    (finding,) = found(CONFIG, facts(tmp_path, origins={"port": "flag", "scan_end": "default"}))
    assert (finding.status, finding.evidence) == (Status.OK, ("port: flag",))


def test_settings_that_cannot_be_used(tmp_path: Path) -> None:
    """The reason is the settings' own; nobody can start anything with them."""
    (finding,) = found(CONFIG, facts(tmp_path, broken="OCR_PORT=x: must be 1 to 65535"))
    assert (finding.status, finding.evidence) == (
        Status.ERROR,
        ("OCR_PORT=x: must be 1 to 65535",),
    )


@pytest.mark.parametrize("by_command", [True, False])
def test_a_file_that_others_can_change(tmp_path: Path, *, by_command: bool) -> None:
    """They could name a program to run; the command that it prints ends that, as --fix does."""
    file = tmp_path / "config.toml"
    file.touch()
    file.chmod(0o664)
    (finding,) = found(CONFIG, facts(tmp_path))
    assert finding.status is Status.ERROR
    assert finding.fix is not None
    if by_command:
        Patient(os.environ).follow(finding.mend[0])
    else:
        finding.fix.apply()
    assert file.stat().st_mode & 0o777 == 0o644
    assert found(CONFIG, facts(tmp_path))[0].status is Status.OK


def test_misspelt_variables(tmp_path: Path) -> None:
    """A variable that changes nothing is told, its value not; those that are known are not."""
    environment = {"OCR_PROT": "80", "OCR_PORT": "80", "OCR_TOKEN": "x", "HOME": "/"}
    (finding,) = found(CONFIG, facts(tmp_path, environment=environment))
    assert (finding.status, finding.evidence) == (Status.INFO, ("OCR_PROT",))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a file of another user")
def test_a_file_of_another_user(tmp_path: Path) -> None:
    """It is theirs to change: an error, until it is ours."""
    file = tmp_path / "config.toml"
    file.touch()
    os.chown(file, 12345, 12345)
    (finding,) = found(CONFIG, facts(tmp_path))
    assert (finding.status, finding.fix) == (Status.ERROR, None)
    Patient(os.environ).follow(finding.mend[0])
    assert found(CONFIG, facts(tmp_path))[0].status is Status.OK


@pytest.mark.parametrize("mode", [0o666, 0o640])
@pytest.mark.parametrize("by_command", [True, False])
def test_a_file_with_a_password(tmp_path: Path, mode: int, *, by_command: bool) -> None:
    """Nobody else may read it: what mends it leaves it to its owner alone."""
    file = tmp_path / "config.toml"
    file.write_text("port = 8080\npassword = 'long enough'\n")
    file.chmod(mode)
    (finding,) = found(CONFIG, facts(tmp_path))
    assert finding.status is Status.ERROR
    assert finding.fix is not None
    if by_command:
        Patient(os.environ).follow(finding.mend[0])
    else:
        finding.fix.apply()
    assert file.stat().st_mode & 0o777 == 0o600
    assert found(CONFIG, facts(tmp_path))[0].status is Status.OK


def test_a_file_that_names_a_password_file(tmp_path: Path) -> None:
    """Others may read where the password is, as long as it is not in the file itself."""
    file = tmp_path / "config.toml"
    file.write_text("password_file = '/x'\n# password = 'none'\n")
    file.chmod(0o644)
    assert found(CONFIG, facts(tmp_path))[0].status is Status.OK
