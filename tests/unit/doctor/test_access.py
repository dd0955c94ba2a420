"""Tests of the password, and of who could reach the router."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.rig.diagnosis import Patient, facts, found

from opencoderouter.doctor.access import CHECKS, Reach, judge
from opencoderouter.doctor.facts import Answered, Unanswered
from opencoderouter.doctor.finding import Finding, Status

PASSWORD, EXPOSURE = CHECKS
LAN = ("192.168.1.5", "2001:db8::5")


def reach(
    *bound: str, own: tuple[str, ...] = LAN, open_: bool = False, secure: bool = False
) -> Reach:
    """Return who can come in."""
    return Reach(bound, own, open_, secure, runs=True)


@pytest.mark.parametrize(
    ("who", "status"),
    [
        (reach("127.0.0.1", "::1"), Status.OK),
        (reach("localhost"), Status.OK),
        (reach("127.0.0.1", open_=True), Status.OK),
        (reach("0.0.0.0", "::"), Status.INFO),  # the default: names of a LAN, guarded
        (reach("0.0.0.0", secure=True), Status.OK),
        (reach("0.0.0.0", open_=True), Status.ERROR),
        (reach("192.168.1.5", open_=True, secure=True), Status.ERROR),
        (reach("0.0.0.0", own=("1.1.1.1",)), Status.WARNING),
        (reach("0.0.0.0", own=("1.1.1.1",), secure=True), Status.OK),
    ],
)
def test_exposure(who: Reach, status: Status) -> None:
    """Without a password it is a shell for everybody; without TLS the Internet reads along."""
    assert judge(who).status is status


@pytest.mark.parametrize(
    ("said", "settings", "word"),
    [
        ({"healthy": True}, {"auth": "off"}, "asks others"),
        ({"healthy": True, "version": "1"}, {"auth": "auto"}, "asks nobody"),
        ({"no": "router"}, {"auth": "off"}, "asks nobody"),
        ({"no": "router"}, {"auth": "auto"}, "asks others"),
    ],
)
def test_the_router_knows_better(
    tmp_path: Path, said: dict[str, object], settings: dict[str, Any], word: str
) -> None:
    """Whom it lets in is seen, whatever our own settings say; without one these count."""
    known = facts(tmp_path, stranger=Answered(said), **settings)
    (finding,) = found(EXPOSURE, known)
    assert word in finding.evidence[-1]


def test_a_client_needs_the_certificate_only(tmp_path: Path) -> None:
    """The key is the router's: whoever asks it by HTTPS names the certificate."""
    known = facts(tmp_path, stranger=Answered({"healthy": True}), tls_cert=tmp_path / "cert.pem")
    (finding,) = found(EXPOSURE, known)
    assert finding.evidence[-1].startswith("HTTPS, ")


def look(tmp_path: Path, **settings: Any) -> Finding:  # noqa: ANN401 - as Settings has them
    """Return what is found of the password."""
    (finding,) = found(PASSWORD, facts(tmp_path, **settings))
    return finding


def test_where_the_password_is(tmp_path: Path) -> None:
    """Nobody is asked; drawn later; drawn; the user's own. It is never told itself."""
    assert look(tmp_path, auth="off").status is Status.SKIPPED
    assert "will be drawn" in look(tmp_path).summary
    (tmp_path / "state").mkdir()
    (tmp_path / "state/secrets.json").touch()
    assert "in the state directory" in look(tmp_path).summary
    own = look(tmp_path, password=SecretStr("tell-nobody"))
    assert own.status is Status.OK
    assert "tell-nobody" not in repr(own)


def test_a_password_file_that_others_can_read(tmp_path: Path) -> None:
    """The router refuses it; the command that is printed mends that, as --fix does."""
    file = tmp_path / "my password"
    file.write_text("long enough\n")
    file.chmod(0o644)
    finding = look(tmp_path, password_file=file)
    assert finding.status is Status.ERROR
    Patient(os.environ).follow(finding.mend[0])
    assert look(tmp_path, password_file=file).status is Status.OK
    assert finding.fix is not None
    Patient(os.environ).follow(finding.fix.undo)
    finding.fix.apply()
    assert look(tmp_path, password_file=file).status is Status.OK


def test_a_password_file_that_is_no_good(tmp_path: Path) -> None:
    """None, or a first line that is too short: the command that is printed writes a good one."""
    file = tmp_path / "pw"
    assert look(tmp_path, password_file=file).status is Status.ERROR
    file.touch(0o600)
    file.write_text("short\nlong enough, but not the first line\n")
    finding = look(tmp_path, password_file=file)
    assert finding.status is Status.ERROR
    Patient(os.environ).follow(finding.mend[0])
    assert look(tmp_path, password_file=file).status is Status.OK


def test_an_address_that_is_not_here(tmp_path: Path) -> None:
    """Nobody reaches a router that cannot start; one that runs is asked where it listens."""
    (finding,) = found(EXPOSURE, facts(tmp_path, hostname="198.51.100.9"))
    assert finding.status is Status.SKIPPED
    runs = facts(tmp_path, hostname="198.51.100.9", stranger=Answered({"healthy": True}))
    assert found(EXPOSURE, runs)[0].status is not Status.SKIPPED


def test_a_router_that_speaks_https(tmp_path: Path) -> None:
    """It is seen that it does, although it was asked by HTTP."""
    stranger = Unanswered("This port speaks HTTPS. Ask by https://.", down=False)
    (finding,) = found(EXPOSURE, facts(tmp_path, stranger=stranger))
    assert finding.evidence[-1] == "HTTPS, asks others for the password"
    assert finding.evidence[0].startswith("listens on ")
