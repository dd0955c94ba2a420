"""What is said of ssh, by programs that say what they are told; the LAN's tests have it."""

from __future__ import annotations

import pwd
import subprocess
from pathlib import Path

import pytest
from tests.rig.diagnosis import facts, found

from opencoderouter.doctor.finding import Finding, Status
from opencoderouter.doctor.net_ssh import CHECKS, examine

[CHECK] = CHECKS


def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ssh: str = "") -> list[Finding]:
    """Return what is found of a program that runs this script."""
    me = pwd.struct_passwd(("me", "x", 0, 0, "", str(tmp_path), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: me)
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    if ssh:
        (folder / "ssh").write_text(f"#!/bin/sh\n{ssh}\n")
        (folder / "ssh").chmod(0o755)
    return found(CHECK, facts(tmp_path, environment={"PATH": str(folder)}))


def test_no_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The router itself needs none."""
    assert look(tmp_path, monkeypatch)[0].status is Status.SKIPPED


def test_no_ssh_where_it_is_needed(tmp_path: Path) -> None:
    """`ocr` can do nothing without it, and says what mends that."""
    [finding] = examine({"PATH": str(tmp_path)}, needed=True)
    assert (finding.status, finding.evidence) == (Status.ERROR, (f"PATH={tmp_path}",))
    assert "openssh-client" in finding.mend[0]


def test_a_refusal_without_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ssh says is the evidence; where no line is named, ssh is to be asked."""
    [finding] = look(tmp_path, monkeypatch, "echo 'no such thing' >&2; exit 255")
    assert finding.status is Status.ERROR
    assert finding.evidence == ("no such thing",)
    assert finding.mend == ("ssh -G localhost",)


def test_hosts_are_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each host of the file that is no pattern is looked at, and none is in the report."""
    (tmp_path / ".ssh").mkdir(mode=0o700)
    config = tmp_path / ".ssh/config"
    config.write_text('Host secret-box *.x !y\nHost="other"\n# Host no\n')
    config.chmod(0o600)
    # Of `-G -- HOST` it says a path that is too long for one host.
    long = "x" * 95
    script = f'[ "$3" = secret-box ] && echo controlpath /{long}; exit 0'
    [finding] = look(tmp_path, monkeypatch, script)
    assert finding.status is Status.ERROR
    assert "96 octets" in finding.summary
    assert "secret" not in repr(finding)


@pytest.mark.parametrize("path", ["none", "/" + "x" * 80])
def test_short_control_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A path that the kernel takes is fine, and so is none."""
    [finding] = look(tmp_path, monkeypatch, f"echo controlpath {path}")
    assert finding.status is Status.OK


def test_keys_that_others_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Private keys with the rights of a public one are told, by number, with what mends it."""
    (tmp_path / ".ssh").mkdir(mode=0o700)
    for name, mode in (("id_a", 0o640), ("id_b", 0o604), ("id_c", 0o600), ("id_a.pub", 0o644)):
        (tmp_path / ".ssh" / name).touch()
        (tmp_path / ".ssh" / name).chmod(mode)
    [finding] = look(tmp_path, monkeypatch, "exit 0")
    assert finding.status is Status.ERROR
    assert finding.summary.startswith("2 private key(s)")
    subprocess.run(finding.mend[0], shell=True, check=True)  # noqa: S602 - what a user pastes
    [finding] = look(tmp_path, monkeypatch, "exit 0")
    assert finding.status is Status.OK


def test_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is named is what ssh is asked with; it may be anybody's, as for ssh."""
    look(tmp_path, monkeypatch, 'echo "$*" >>"$0.log"')
    config = tmp_path / "fleet"
    config.write_text("Host box\n")
    config.chmod(0o666)
    [finding] = examine({"PATH": str(tmp_path / "bin")}, str(config))
    assert finding.status is Status.OK
    log = (tmp_path / "bin/ssh.log").read_text()
    assert f"-G -F {config} -- box" in log
