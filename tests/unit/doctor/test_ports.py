"""Tests of ranges and of the kernel's own, from files that the tests write."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rig.diagnosis import facts, found

from opencoderouter.doctor.finding import Finding, Status
from opencoderouter.doctor.ports import CHECKS

PORT, RANGE = CHECKS


def look(tmp_path: Path, first: int, last: int, *, reserved: str = "") -> Finding:
    """Return what is found of a range."""
    folder = tmp_path / "proc/sys/net/ipv4"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ip_local_port_range").write_text("32768\t60999\n")
    (folder / "ip_local_reserved_ports").write_text(f"{reserved}\n")
    (finding,) = found(RANGE, facts(tmp_path, scan_start=first, scan_end=last))
    return finding


@pytest.mark.parametrize(
    ("first", "last", "reserved", "status"),
    [
        (30000, 31000, "", Status.OK),
        (32000, 32767, "", Status.OK),
        (32000, 32768, "", Status.WARNING),
        (60999, 61020, "", Status.WARNING),
        (61000, 61020, "", Status.OK),
        (40000, 40100, "39999-40100", Status.OK),
        (40000, 40100, "8080,40000-40099,40100", Status.OK),
        (40000, 40100, "40000-40099", Status.WARNING),
    ],
)
def test_the_kernels_own_range(
    tmp_path: Path, first: int, last: int, reserved: str, status: Status
) -> None:
    """What outgoing connections get is no range for servers, unless it is reserved."""
    assert look(tmp_path, first, last, reserved=reserved).status is status


def test_its_advice(tmp_path: Path) -> None:
    """Reserving adds to what is reserved; either way, done as advised, it is fine."""
    finding = look(tmp_path, 40000, 40100, reserved="8080")
    _, sysctl = finding.mend
    value = sysctl.rpartition("=")[2]
    assert value == "8080,40000-40100"
    assert look(tmp_path, 40000, 40100, reserved=value).status is Status.OK


def test_an_address_that_is_not_here(tmp_path: Path) -> None:
    """The router could not start: that is told, with what this machine does have."""
    (finding,) = found(PORT, facts(tmp_path, hostname="198.51.100.9"))
    assert finding.status is Status.ERROR
    assert finding.summary == "--hostname 198.51.100.9 is no address of this machine"
    assert "127.0.0.1" in finding.evidence[0]
    advised = finding.mend[0].rpartition(" ")[2]
    assert found(PORT, facts(tmp_path, hostname=advised))[0].status is not Status.ERROR
