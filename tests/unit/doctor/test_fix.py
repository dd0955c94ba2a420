"""Tests of mending after asking."""

from __future__ import annotations

from pathlib import Path

from opencoderouter.doctor import fix
from opencoderouter.doctor.finding import Finding, Mending, Status
from opencoderouter.doctor.modes import closing


def ill(mending: Mending | None) -> Finding:
    """Return a finding with something that mends it, or without."""
    return Finding("x", Status.ERROR, "y", fix=mending)


def test_asked_then_done(tmp_path: Path) -> None:
    """Each is asked about; what is agreed to is done, and how to undo it is said."""
    one, two = tmp_path / "first", tmp_path / "second"
    for file in (one, two):
        file.touch(0o644)
    said: list[str] = []
    findings = [ill(closing(one, 0o644, 0o077)), ill(None), ill(closing(two, 0o644, 0o077))]
    assert fix.apply(findings, lambda question: "/first " in question, said.append)
    assert one.stat().st_mode & 0o777 == 0o600
    assert two.stat().st_mode & 0o777 == 0o644
    (line,) = said
    assert line.endswith(f"undone by: chmod 644 {one}")


def test_nothing_agreed_to() -> None:
    """Nothing is done, and nothing was."""

    def fail() -> None:
        raise AssertionError

    assert not fix.apply([ill(Mending("a", fail, "b"))], lambda _: False, print)


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    """A failure is a line, not an end; the others are done all the same."""
    there = tmp_path / "there"
    there.touch(0o644)
    said: list[str] = []
    gone = closing(tmp_path / "gone", 0o644, 0o077)
    assert fix.apply([ill(gone), ill(closing(there, 0o644, 0o077))], lambda _: True, said.append)
    assert said[0].startswith("not done: ")
    assert said[1].startswith("done: ")
