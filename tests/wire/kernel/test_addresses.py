"""Interfaces of a real kernel."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing

import pytest
from tests.rig.netns import Network, needs_network, network

from opencoderouter.kernel import addresses
from opencoderouter.kernel.addresses import changes, interfaces, is_here

# Says what interfaces there are before and after the first is put into a bridge.
BRIDGE = """
import subprocess
from opencoderouter.kernel.addresses import interfaces
names = lambda: [one.name for one in interfaces()]
cable = names()[-1]
print(names() == ["lo", cable])
for line in ("add br7 type bridge", "set br7 up", f"set {cable} master br7"):
    subprocess.run(f"ip link {line}".split(), check=True)
print(names() == ["lo", "br7"])
"""


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    """Lay a cable to another machine."""
    with network() as made:
        yield made


@needs_network
def test_a_cable(net: Network) -> None:
    """Both of its addresses are there, and the loopback is known as what it is."""
    found = {one.name: one for one in interfaces()}
    assert found["lo"].loopback
    assert not found["lo"].multicast
    (cable,) = [one for one in found.values() if net.here in one.addresses]
    assert net.here6 in cable.addresses
    assert cable.multicast
    assert not cable.loopback


@needs_network
def test_a_port_of_a_bridge_is_no_network() -> None:
    """The bridge is, instead."""
    with network() as other:
        assert other.run(sys.executable, "-c", BRIDGE) == "True\nTrue\n"


@needs_network
async def test_changes(net: Network) -> None:
    """The kernel tells at once of an address that comes, and of one that goes."""
    (cable,) = [one.name for one in interfaces() if net.here in one.addresses]
    for what in ("add", "del"):
        async with aclosing(changes()) as told, asyncio.timeout(40), asyncio.TaskGroup() as group:
            await anext(told)  # at once: from here on it listens
            first = group.create_task(anext(told))
            command = ["ip", "address", what, "192.0.2.66/32", "dev", cable]
            await asyncio.to_thread(subprocess.run, command, check=True)
            await first
        assert any("192.0.2.66" in one.addresses for one in interfaces()) is (what == "add")


async def test_without_netlink_it_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere there may have been a change every few seconds."""
    monkeypatch.delattr(socket, "AF_NETLINK")
    monkeypatch.setattr(addresses, "_PERIOD", 0)
    async with aclosing(changes()) as told:
        for _ in range(3):
            await anext(told)


def test_without_netlink_the_addresses_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """getifaddrs(3) knows them as well."""
    known = {one.name: set(one.addresses) for one in interfaces() if one.addresses}
    networks = {one.name: set(one.networks) for one in interfaces()}
    monkeypatch.delattr(socket, "AF_NETLINK")
    portable = {one.name: one for one in interfaces()}
    assert set(portable["lo"].networks) == networks["lo"]
    assert portable["lo"].loopback
    assert set(portable["lo"].addresses) == known["lo"]


@pytest.mark.parametrize("text", ["127.0.0.1", "127.0.0.9", "0.0.0.0", "::1", "[::1]", "a.test"])
def test_addresses_of_this_machine(text: str) -> None:
    """Programs can listen there; of a name nobody can say that they cannot."""
    assert is_here(text)


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1"])
def test_addresses_of_others(text: str) -> None:
    """Nobody can listen at an address that is another machine's."""
    assert not is_here(text)
