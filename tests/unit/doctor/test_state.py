"""Tests of the state directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.rig.diagnosis import Patient, facts, found

from opencoderouter.doctor.finding import Finding, Status
from opencoderouter.doctor.state import CHECKS

(STATE,) = CHECKS
root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of another user")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return a state directory as the router makes it."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    for name in ("leases.json", "secrets.json", "tokens.json"):
        (folder / name).write_text("{}")
        (folder / name).chmod(0o600)
    return folder


def look(tmp_path: Path) -> Finding:
    """Return what is found, which must be one thing."""
    (finding,) = found(STATE, facts(tmp_path))
    return finding


def follow(advice: str, home: Path) -> None:
    """Do as advised."""
    Patient({"HOME": str(home), "PATH": os.environ["PATH"]}).follow(advice)


def test_as_it_should_be(tmp_path: Path, state: Path) -> None:
    """Ours alone; a log and a directory of logs in it are no problem."""
    (state / "logs").mkdir(mode=0o700)
    assert look(tmp_path).summary == f"{state} is yours alone"


def test_none_yet(tmp_path: Path) -> None:
    """It will be made, and looking does not make it."""
    assert look(tmp_path).status is Status.OK
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("name", ["", "secrets.json", "tokens.json"])
@pytest.mark.parametrize("by_command", [True, False])
def test_open_to_others(tmp_path: Path, state: Path, name: str, *, by_command: bool) -> None:
    """Directory or file: an error, mended by its command as by --fix; looking changes nothing."""
    path = state / name
    path.chmod(0o755)
    finding = look(tmp_path)
    assert finding.status is Status.ERROR
    assert path.stat().st_mode & 0o777 == 0o755
    assert finding.fix is not None
    if by_command:
        follow(finding.mend[0], tmp_path)
    else:
        finding.fix.apply()
    assert look(tmp_path).status is Status.OK
    follow(finding.fix.undo, tmp_path)
    assert look(tmp_path).status is Status.ERROR


@root
@pytest.mark.parametrize("name", ["", "secrets.json"])
def test_of_another_user(tmp_path: Path, state: Path, name: str) -> None:
    """What `sudo` left behind is refused by the router; to own it again mends it."""
    os.chown(state / name, 12345, 12345)
    finding = look(tmp_path)
    assert (finding.status, finding.fix) == (Status.ERROR, None)
    follow(finding.mend[0], tmp_path)
    assert look(tmp_path).status is Status.OK


@pytest.mark.parametrize("content", ["", "{", "[]", '"x"'])
def test_damaged(tmp_path: Path, state: Path, content: str) -> None:
    """What is no JSON object is neither used nor replaced; the command puts it aside."""
    (state / "tokens.json").write_text(content)
    finding = look(tmp_path)
    assert (finding.status, finding.summary) == (Status.ERROR, "tokens.json is damaged")
    follow(finding.mend[0], tmp_path)
    assert (state / "tokens.json.damaged").read_text() == content
    (state / "tokens.json.damaged").chmod(0o600)
    assert look(tmp_path).status is Status.OK


@pytest.mark.parametrize("name", ["peers.json", "dns-setup.json", "logged-out.json"])
def test_damaged_others(tmp_path: Path, state: Path, name: str) -> None:
    """Of every file that is not written anew it is told, and what is lost with it."""
    (state / name).write_text("{")
    (state / name).chmod(0o600)
    finding = look(tmp_path)
    assert (finding.status, finding.summary) == (Status.ERROR, f"{name} is damaged")
    assert "  # " in finding.mend[0]


def test_what_is_no_directory(tmp_path: Path) -> None:
    """A link is not followed, and a file is no directory: another one is to be named."""
    state = tmp_path / "state"
    state.write_text("")
    assert look(tmp_path).evidence[0].startswith(f"{state}: is no directory")
    state.unlink()
    (tmp_path / "real").mkdir(mode=0o700)
    state.symlink_to("real")
    assert look(tmp_path).evidence[0].startswith(f"{state}: is a symbolic link")
    real = found(STATE, facts(tmp_path, state_dir=tmp_path / "real"))
    assert [finding.status for finding in real] == [Status.OK]


def test_every_problem_is_told(tmp_path: Path, state: Path) -> None:
    """Not only the first."""
    (state / "leases.json").chmod(0o644)
    (state / "secrets.json").chmod(0o644)
    assert len(found(STATE, facts(tmp_path))) == 2
