"""A whole fleet is asked at once, and every odd host has its own end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.rig.armada import Armada
from tests.rig.figures import Measure
from tests.rig.processes import MARK, assert_gone

from opencoderouter.core.fleet.fleet import Fleet
from opencoderouter.core.fleet.model import HostState
from opencoderouter.core.fleet.preferences import Cache, Hosts, Polling, Preferences, Ssh
from opencoderouter.wiring.remote import opened

pytestmark = [pytest.mark.sshd, pytest.mark.timeout(120)]

STATES = {
    HostState.NO_OPENCODE: {"none"},
    HostState.AUTH_REQUIRED: {"passphrase", "wrongkey", "password", "keyboard"},
    HostState.HOST_KEY_UNKNOWN: {"unknown"},
    HostState.HOST_KEY_CHANGED: {"changed", "revoked"},
    HostState.BLOCKED: {"blocked", "locked"},
    HostState.UNREACHABLE: {"refused", "mute", "halfmute", "closing", "nowhere"},
    HostState.ERROR: {"nologin"},
}


def by_state(fleet: Fleet) -> dict[HostState, set[str]]:
    """Return who is in which state."""
    found: dict[HostState, set[str]] = {}
    for alias, entry in fleet.entries.items():
        if entry.report is not None:
            found.setdefault(entry.report.state, set()).add(alias)
    return found


async def test_every_host_has_its_own_end(
    armada: Armada, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measure: Measure
) -> None:
    """States are what they should be, and nothing is left afterwards."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(armada.agent))
    monkeypatch.setenv(MARK, "fleet-sweep")
    polling = Polling(timeout=20.0, max_parallel=len(armada.aliases))
    ssh = Ssh(config=str(armada.config), control_path=f"{tmp_path}/%C")
    preferences = Preferences(polling, Cache(persist=False), hosts=Hosts(local=False), ssh=ssh)
    async with opened(preferences, ()) as fleet:
        time = asyncio.get_running_loop().time
        began = time()
        found = await fleet.once()
        measure("a sweep of all odd hosts", [time() - began])
        expected = set(armada.aliases) - set().union(*STATES.values())
        assert by_state(found) == {**STATES, HostState.ONLINE: expected}
        assert all(entry.resolved for entry in found.entries.values())
    assert_gone("fleet-sweep", "ssh")
