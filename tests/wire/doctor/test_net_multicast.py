"""Where multicast is not looked at; the LAN's tests do the rest."""

from __future__ import annotations

from pathlib import Path

from tests.rig.diagnosis import facts, found

from opencoderouter.doctor.finding import Status
from opencoderouter.doctor.net_multicast import CHECKS

[CHECK] = CHECKS


def test_turned_off(tmp_path: Path) -> None:
    """Who announces no names needs no multicast."""
    [finding] = found(CHECK, facts(tmp_path, mdns=False, mdns_interface=()))
    assert finding.status is Status.SKIPPED


def test_no_interface(tmp_path: Path) -> None:
    """Where no interface is wanted, there is nothing to ask on."""
    [finding] = found(CHECK, facts(tmp_path, mdns=True, mdns_interface=("nothing-is-called-so",)))
    assert finding.status is Status.SKIPPED
