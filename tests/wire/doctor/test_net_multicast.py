"""Where multicast is not looked at; the LAN's tests do the rest."""

from __future__ import annotations

from pathlib import Path

from tests.rig.diagnosis import facts, found

from opencoderouter.doctor.facts import Answered
from opencoderouter.doctor.finding import Status
from opencoderouter.doctor.net_multicast import CHECKS

[CHECK] = CHECKS


def test_turned_off(tmp_path: Path) -> None:
    """Who announces no names needs no multicast."""
    [finding] = found(CHECK, facts(tmp_path, mdns=False, mdns_interface=()))
    assert finding.status is Status.SKIPPED


def test_no_interface(tmp_path: Path) -> None:
    """Where no interface is meant, a name is wrong: those that there are, are told."""
    [finding] = found(CHECK, facts(tmp_path, mdns=True, mdns_interface=("nothing-is-called-so",)))
    assert finding.status is Status.WARNING
    [mend] = finding.mend
    right = mend.removeprefix("ocr-router serve --mdns-interface ")
    again = found(CHECK, facts(tmp_path, mdns=True, mdns_interface=(right,)))
    assert all("--mdns-interface" not in one.summary for one in again)


def test_the_router_has_no_interface(tmp_path: Path) -> None:
    """What the running router says counts, with whatever options doctor was started."""
    reason = "no network interface with an address that --mdns-interface means (nope0)"
    mdns = {"status": "off", "reason": reason, "interfaces": []}
    answers = {"/api/health": Answered({"mdns": mdns})}
    [finding] = found(CHECK, facts(tmp_path, mdns=True, mdns_interface=(), answers=answers))
    assert (finding.status, finding.evidence[0]) == (Status.WARNING, reason)
