"""What is announced follows the network and the router, and nothing is announced elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.rig.avahi import browse, cached
from tests.rig.lan import Host, Lan
from tests.rig.station import OWNER, PORT, SIGN_ON, Station, station
from tests.rig.tape import taping
from tests.rig.wait import until

KIND = "_opencode._tcp"
NAME = f"myproject-{OWNER}.local"
MOVED = "10.77.0.101"
_TTL = 120  # seconds: of a record that names a host (RFC 6762 section 10)


def test_goodbye(one: Host, visitor: Host) -> None:
    """A router that is told to stop takes its names with it: others forget them at once."""
    with station(one, "myproject") as router:
        router.announced("myproject")
        until(lambda: f"myproject-{OWNER}" in cached(visitor, KIND))
        with taping(visitor) as tape:
            assert router.process.stop() == 0
            tape.hears_goodbye(NAME, "A")
            tape.hears_goodbye(f"myproject-{OWNER}.{KIND}.local", "SRV")
        until(lambda: not cached(visitor, KIND))


def test_a_router_that_is_killed_is_forgotten(one: Host, visitor: Host) -> None:
    """It says no goodbye; but its name was good for two minutes only, and a newcomer has none."""
    with taping(visitor) as tape, station(one, "myproject") as router:
        router.announced("myproject")
        said = tape.hears(NAME, "A")
        assert 0 < said.ttl <= _TTL
        router.process.kill()
        assert not [record for record in tape.said(NAME, "A") if record.ttl == 0]
    with taping(visitor) as tape, station(one, "myproject") as again:
        again.announced("myproject")
        assert tape.hears(NAME, "A").data == one.address


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_name_runs_out(one: Host, visitor: Host) -> None:
    """A name that nobody renews is gone from other machines when its time is over."""
    with station(one, "myproject") as router:
        router.announced("myproject")
        assert visitor.getent("hosts", NAME) == {one.address}
        router.process.kill()
        assert visitor.getent("hosts", NAME) == {one.address}
        until(lambda: not visitor.getent("hosts", NAME), within=_TTL + 60, every=1)


@pytest.fixture(scope="module")
def router(net: Lan) -> Iterator[Station]:
    """Run a router on a machine that is carried about."""
    with net.host("laptop", 5) as host, station(host, "roaming") as running:
        running.announced("roaming")
        yield running


def test_an_address_that_changes(router: Station, visitor: Host) -> None:
    """The name goes with the machine to its new address; the old one is not told any more."""
    host, name = router.host, f"roaming-{OWNER}.local"
    assert visitor.getent("hosts", name) == {host.address}
    _readdress(host, MOVED, host.address)
    try:
        until(lambda: visitor.getent("hosts", name) == {MOVED}, what=router.process.log.read_text)
        assert visitor.curl(f"http://{name}:{PORT}/session", *SIGN_ON) == "[]"
        assert router.get("/api/health")["addresses"] == [MOVED, host.address6]
    finally:
        _readdress(host, host.address, MOVED)
    until(lambda: visitor.getent("hosts", name) == {host.address})


def test_a_cable_that_is_pulled(router: Station, visitor: Host) -> None:
    """While the interface is down nothing is announced; when it is up again, all is as before."""
    host, name = router.host, f"roaming-{OWNER}.local"
    host.run("ip", "link", "set", "eth0", "down")
    until(lambda: router.get("/api/health")["addresses"] == [])
    with taping(visitor) as tape:
        host.run("ip", "link", "set", "eth0", "up")
        assert tape.hears(name, "A", by=host.address).data == host.address
    assert router.get("/api/health")["addresses"] == [host.address, host.address6]
    assert visitor.curl(f"http://{name}:{PORT}/session", *SIGN_ON) == "[]"


def test_an_interface_that_comes_later(net: Lan, visitor: Host) -> None:
    """A machine that joins the network after the router has started is announced there, too."""
    with net.host("lonely", 6) as host:
        host.run("ip", "link", "set", "eth0", "down")
        with station(host, "joining") as router, taping(visitor) as tape:
            assert router.get("/api/health")["addresses"] == []
            net.cable(host, "wlan0")
            host.run("ip", "address", "add", f"{MOVED}/24", "dev", "wlan0")
            host.run("ip", "link", "set", "wlan0", "up")
            assert tape.hears(f"joining-{OWNER}.local", "A", by=MOVED).data == MOVED
            host.run("ip", "link", "delete", "wlan0")
            until(lambda: router.get("/api/health")["addresses"] == [])


def test_loopback_is_not_announced(one: Host, visitor: Host) -> None:
    """Where nobody else can connect, nobody else is told; the router says why."""
    flags = {"--hostname": "127.0.0.1"}
    with taping(visitor) as tape, station(one, "quiet", flags=flags) as router:
        health = router.get("/api/health")
        assert (health["addresses"], health["domain"]) == ([], None)
        assert health["mdns"]["status"] == "off"
        assert "--hostname" in health["mdns"]["reason"]
        assert f"quiet-{OWNER}" not in {item.instance for item in browse(visitor, KIND)}
        assert not tape.said(f"quiet-{OWNER}.local", "A")


def test_interfaces_that_are_left_out(net: Lan, visitor: Host) -> None:
    """Of a bridge for containers no address is told, and nothing is said there.

    Nor is it on an interface that the user has excluded; on others it is.
    """
    inner, tunnel, name = "172.17.0.1", "172.30.0.1", f"boxed-{OWNER}.local"
    with net.host("docked", 7) as host, taping(visitor) as tape:
        for interface, address in (("docker0", inner), ("vpn0", tunnel)):
            net.cable(host, interface)
            host.run("ip", "address", "add", f"{address}/16", "dev", interface)
            host.run("ip", "link", "set", interface, "up")
        with station(host, "boxed", flags={"--mdns-interface": "!vpn*"}) as router:
            router.announced("boxed")
            assert router.told(name) == [host.address]
            assert router.get("/api/health")["mdns"]["interfaces"] == ["eth0"]
        assert not tape.said(name, "A", by=tunnel)
        with station(host, "boxed") as router:
            router.announced("boxed")
            assert set(router.told(name)) == {host.address, tunnel}
            tape.hears(name, "A", by=tunnel)
        assert not tape.said(name, "A", by=inner)
        assert inner not in {said.data for said in tape.said(name, "A")}


def _readdress(host: Host, new: str, old: str) -> None:
    """Give a host another address, as a DHCP server may."""
    host.run("ip", "address", "delete", f"{old}/24", "dev", "eth0")
    host.run("ip", "address", "add", f"{new}/24", "dev", "eth0")
