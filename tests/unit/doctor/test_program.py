"""Tests of finding OpenCode and its version, with programs that the tests write."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.rig.diagnosis import Patient, facts, found, layers

from opencoderouter.doctor.facts import Answered
from opencoderouter.doctor.finding import Finding, Status
from opencoderouter.doctor.program import CHECKS, judge

FOUND, VERSION = CHECKS


def script(tmp_path: Path, body: str) -> Path:
    """Write a program."""
    program = tmp_path / "open code"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return program


def look(tmp_path: Path, program: object, *, version: bool = False) -> Finding:
    """Return what is found of a program."""
    known = facts(tmp_path, program=str(program), environment=dict(os.environ))
    (finding,) = found(VERSION if version else FOUND, known)
    return finding


def test_found(tmp_path: Path) -> None:
    """Where it is, is told."""
    program = script(tmp_path, "")
    finding = look(tmp_path, program)
    assert (finding.status, finding.summary) == (Status.OK, f"OpenCode is {program}")


def test_not_found(tmp_path: Path) -> None:
    """A name that is nowhere, or a path to nothing, is an error: with how it comes there."""
    for program in ("opencode", tmp_path / "nothing"):
        finding = look(tmp_path, program)
        assert (finding.status, finding.mend[0]) == (Status.ERROR, "npm install -g opencode-ai")
        assert look(tmp_path, program, version=True).status is Status.SKIPPED
    assert look(tmp_path, tmp_path).summary == f"{tmp_path} is not a program"


def test_not_found_in_a_container(tmp_path: Path) -> None:
    """There it is usual: servers run elsewhere; one that was asked for is missed all the same."""
    inside = {"container": "podman", "PATH": ""}
    known = facts(tmp_path, program="opencode", environment=inside)
    assert found(FOUND, known)[0].status is Status.INFO
    assert found(FOUND, replace(known, origins={"opencode": "flag"}))[0].status is Status.ERROR


def test_in_an_image(tmp_path: Path) -> None:
    """Nothing is installed there: the program comes in from outside, also for another version."""
    layers(tmp_path)
    inside = {"container": "podman", "PATH": ""}
    known = facts(tmp_path, program="opencode", environment=inside)
    other = replace(known, program=str(script(tmp_path, "echo 1.19.0")))
    for finding in (*found(FOUND, known), *found(VERSION, other)):
        assert finding.mend[0].startswith("docker run --volume")
        assert "npm" not in str(finding.mend)


def test_not_executable(tmp_path: Path) -> None:
    """An error that its command mends, as --fix does."""
    program = script(tmp_path, "echo 1.18.33")
    program.chmod(0o644)
    finding = look(tmp_path, program)
    assert finding.status is Status.ERROR
    Patient(os.environ).follow(finding.mend[0])
    assert look(tmp_path, program).status is Status.OK
    assert finding.fix is not None
    Patient(os.environ).follow(finding.fix.undo)
    assert program.stat().st_mode & 0o777 == 0o644
    finding.fix.apply()
    assert look(tmp_path, program).status is Status.OK


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ("echo 1.18.33", Status.OK, "1.18.33"),
        ("echo 1.19.0", Status.INFO, "1.19.0; the router is tested with 1.18"),
        ("echo 1.180.0", Status.INFO, "1.180.0"),
        ("echo broken >&2; exit 3", Status.WARNING, "exit code 3"),
        ("true", Status.WARNING, "exit code 0"),
        ("exec sleep 50", Status.INFO, "did not tell its version within"),
        ('test "$OPENCODE_DISABLE_AUTOUPDATE" && echo 1.18.1', Status.OK, "1.18.1"),
    ],
)
def test_version(tmp_path: Path, body: str, status: Status, word: str) -> None:
    """The known dialect is fine, another one worth knowing, none is a problem."""
    finding = look(tmp_path, script(tmp_path, body), version=True)
    assert finding.status is status
    assert word in finding.summary


def test_what_it_says_instead_is_told(tmp_path: Path) -> None:
    """A program that fails says why."""
    finding = look(tmp_path, script(tmp_path, "echo no model >&2; exit 3"), version=True)
    assert finding.evidence == ("no model",)


def test_servers_of_another_version(tmp_path: Path) -> None:
    """They go on with what they were started with."""
    rows = [
        {"slug": "old", "version": "1.17.0"},
        {"slug": "same", "version": "1.18.33"},
        {"slug": "down", "version": None},
    ]
    finding = judge("1.18.33", rows)
    assert (finding.status, finding.evidence) == (Status.INFO, ("old runs 1.17.0",))
    program = script(tmp_path, "echo 1.18.33")
    answers = {"/api/backends": Answered(rows)}
    known = facts(tmp_path, program=str(program), answers=answers, environment=dict(os.environ))
    assert found(VERSION, known)[0] == finding


def test_no_home_to_run_with(tmp_path: Path) -> None:
    """Without a home directory OpenCode fails: it is not run, and not to blame."""
    program = script(tmp_path, f"touch {tmp_path}/ran; exit 1")
    finding = look(tmp_path / "missing", program, version=True)
    assert finding.status is Status.SKIPPED
    assert "(see user)" in finding.summary
    assert not (tmp_path / "ran").exists()
