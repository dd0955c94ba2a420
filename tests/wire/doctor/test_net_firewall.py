"""What may be said of a packet filter; the LAN's tests have real ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.rig.diagnosis import facts, found, layers

from opencoderouter.doctor.finding import Finding, Status
from opencoderouter.doctor.net_firewall import CHECKS

[CHECK] = CHECKS
IPTABLES = "#!/bin/sh\nprintf '%s\\n' '-P INPUT DROP' '-A INPUT -p tcp --dport 8080 -j ACCEPT'\n"
NFT = """#!/bin/sh
printf '%s\\n' 'table inet own {' 'chain in { type filter hook input priority 0; policy drop;' \
'tcp dport 8080 accept; } }'
"""


def look(tmp_path: Path, uid: int, monkeypatch: pytest.MonkeyPatch, **more: str) -> list[Finding]:
    """Return what a user finds, with the programs of ``bin`` only and ``more`` environment."""
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr("opencoderouter.doctor.net_firewall._PLACES", str(tmp_path / "bin"))
    path = {"PATH": str(tmp_path / "bin")}
    known = facts(tmp_path, hostname="0.0.0.0", mdns=True, port=8080, environment=path | more)
    return found(CHECK, known)


def put(tmp_path: Path, name: str, text: str) -> None:
    """Put a program into ``bin``."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def test_without_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that may not be read are not judged; that ufw is on can be seen."""
    [finding] = look(tmp_path, 1000, monkeypatch)
    assert finding.status is Status.SKIPPED
    assert "root" in finding.summary
    (tmp_path / "etc/ufw").mkdir(parents=True)
    (tmp_path / "etc/ufw/ufw.conf").write_text("ENABLED=yes\n")
    [finding] = look(tmp_path, 1000, monkeypatch)
    assert finding.status is Status.INFO
    assert finding.mend == ("sudo ufw allow 8080/tcp", "sudo ufw allow 5353/udp")


def test_no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no filter, nothing is in the way."""
    [finding] = look(tmp_path, 0, monkeypatch)
    assert finding.status is Status.OK


@pytest.mark.parametrize("uid", [0, 1000])
def test_in_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    """There is no filter to be seen, and no sudo: nothing is said of the machine's."""
    layers(tmp_path)
    [finding] = look(tmp_path, uid, monkeypatch, container="podman")
    assert finding.status is Status.SKIPPED
    assert "sudo" not in finding.summary


def test_iptables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it drops is named with the rule; ufw has its own way to open a port."""
    put(tmp_path, "iptables", IPTABLES)
    [finding] = look(tmp_path, 0, monkeypatch)
    assert finding.status is Status.WARNING
    assert finding.evidence == ("iptables: -P INPUT DROP",)
    assert finding.mend == ("sudo iptables -I INPUT -p udp --dport 5353 -j ACCEPT",)
    (tmp_path / "etc/ufw").mkdir(parents=True)
    (tmp_path / "etc/ufw/ufw.conf").write_text("ENABLED=yes\n")
    assert look(tmp_path, 0, monkeypatch)[0].mend == ("sudo ufw allow 5353/udp",)


def test_nft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules of nft are not judged: that they drop, and do not name a port, is a hint."""
    put(tmp_path, "nft", NFT)
    [finding] = look(tmp_path, 0, monkeypatch)
    assert finding.status is Status.INFO
    assert "5353/udp" in finding.summary
    assert "8080" not in finding.summary


def test_a_program_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it prints then is not believed."""
    put(tmp_path, "iptables", IPTABLES + "exit 1\n")
    assert look(tmp_path, 0, monkeypatch)[0].status is Status.OK
