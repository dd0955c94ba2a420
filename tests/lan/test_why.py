"""``why`` across a LAN: names, filters and routes that fail for real, and what it advises."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from tests.rig.lan import DEBIAN, Host
from tests.rig.patient import asked_why, follow
from tests.rig.station import OWNER, PASSWORD, PORT, Station, station

NAME = f"shop-{OWNER}.local"
ALL = ["name", "connection", "router", "host", "access", "routing", "backend"]


@pytest.fixture(scope="module")
def router(one: Host) -> Iterator[Station]:
    """Run a router with a project."""
    with station(one, "shop") as running:
        running.announced("shop")
        yield running


def failed(host: Host, address: str, **environment: str) -> dict[str, str]:
    """Return the hop that failed, which is the last one."""
    code, found = asked_why(host, address, **environment)
    assert code == 1, found
    assert [one["status"] for one in found] == ["ok"] * (len(found) - 1) + ["failed"]
    return found[-1]


@pytest.mark.usefixtures("router")
def test_a_name_of_the_network(visitor: Host) -> None:
    """From another machine all goes well to the access: that needs a password, which is not sent.

    The visitor's own secrets are for the visitor's own router.
    """
    visitor.resolves_by(hosts=DEBIAN)
    hop = failed(visitor, f"http://{NAME}:{PORT}/", OCR_TOKEN=PASSWORD)
    assert (hop["hop"], hop["seen"]) == ("access", "refused (401)")
    assert "asks who you are" in hop["why"]


def test_the_own_name(router: Station) -> None:
    """On the router's machine the name leads out and back: its user has the password for it."""
    hosts = router.host.path("/etc/hosts")
    before = hosts.read_text()
    hosts.write_text(f"{before}{router.host.address} {NAME}\n")
    try:
        code, found = asked_why(router.host, NAME)
    finally:
        hosts.write_text(before)
    assert (code, [one["hop"] for one in found]) == (0, ALL)
    assert "takes your password" in found[4]["seen"]


@pytest.mark.usefixtures("router")
def test_a_machine_without_mdns(two: Host) -> None:
    """Where .local names are not looked up, the name fails, and mDNS is where to look."""
    two.resolves_by(hosts="files dns")
    hop = failed(two, f"http://{NAME}:{PORT}/")
    assert hop["hop"] == "name"
    assert "ocr-router dns setup" in hop["mend"]


def test_a_name_that_the_router_does_not_go_by(two: Host) -> None:
    """The Host check refuses a strange name; with the option that is advised it does not."""
    hosts = two.path("/etc/hosts")
    hosts.write_text(f"{hosts.read_text()}127.0.0.1 work.example\n")
    with station(two):
        hop = failed(two, f"http://work.example:{PORT}/")
    assert hop["hop"] == "host"
    option = hop["mend"].split("`")[1].split()
    with station(two, flags={option[0]: option[1]}):
        assert asked_why(two, f"http://work.example:{PORT}/")[0] == 0


@pytest.mark.skipif(not shutil.which("iptables"), reason="needs iptables")
def test_packets_that_are_dropped(router: Station, two: Host) -> None:
    """A connection that a filter drops ends in time, and a firewall is what to look for."""
    address = f"http://{router.host.address}:{PORT}/"
    router.host.run("iptables", *f"-A INPUT -p tcp --dport {PORT} -s {two.address} -j DROP".split())
    hop = failed(two, address)
    assert hop["hop"] == "connection"
    assert "no answer in time" in hop["why"]
    assert "firewall" in hop["mend"]
    follow(router.host, f"iptables -I INPUT -p tcp --dport {PORT} -j ACCEPT")
    assert failed(two, address)["hop"] == "access"
    router.host.run("iptables", "-F")


def test_a_network_without_a_way(two: Host) -> None:
    """Where there is no route, there is no connection."""
    hop = failed(two, f"http://203.0.113.1:{PORT}/")
    assert hop["hop"] == "connection"
    assert "ip route" in hop["mend"]


def test_a_router_at_one_address(two: Host) -> None:
    """A project's name is followed to where the router listens, which is not loopback."""
    with station(two, "shop", flags={"--hostname": two.address}) as running:
        running.ready(two.folder / "home" / "shop")
        code, found = asked_why(two, "shop")
    assert (code, [one["hop"] for one in found]) == (0, ALL)
    assert found[1]["seen"].startswith(f"{two.address}:{PORT} ")
