"""``doctor`` on a LAN: each check fails for a reason that is real, and its own advice mends it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from tests.rig.avahi import avahi
from tests.rig.lan import DEBIAN, Host, Lan
from tests.rig.patient import Found, ailing, diagnosed, follow, healthy
from tests.rig.station import OWNER, Station, station

OWN = f"ocr-{OWNER}-one.local"
HOLD = """
import socket
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
line.bind(("", 5353))
print("held", flush=True)
import signal
signal.pause()
"""
CHATTER = """
import socket, struct, time
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
index = struct.pack("=4s4si", bytes(4), bytes(4), socket.if_nametoindex("eth0"))
line.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, index)
question = bytes([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 120, 0, 0, 1, 0, 1])
while True:
    line.sendto(question, ("224.0.0.251", 5353))
    print("sent", flush=True)
    time.sleep(0.02)
"""
needs_iptables = pytest.mark.skipif(not shutil.which("iptables"), reason="needs iptables")


@pytest.fixture(scope="module")
def router(one: Host) -> Iterator[Station]:
    """Run a router that announces its names."""
    with station(one, "myproject") as running:
        running.announced("myproject")
        yield running


@pytest.mark.parametrize("code", ["multicast", "mdns-stack", "firewall", "names"])
def test_nothing_is_wrong_with_a_router_that_works(router: Station, code: str) -> None:
    """Beside a router that announces its names, nothing is to be mended."""
    assert healthy(diagnosed(router.host, code))


@pytest.mark.parametrize("code", ["multicast", "mdns-stack", "firewall", "names"])
def test_nothing_is_wrong_without_a_router(two: Host, code: str) -> None:
    """On a machine with a network, and no router, nothing is to be mended."""
    assert healthy(diagnosed(two, code))


def test_the_router_is_heard_on_its_interface(router: Station) -> None:
    """The check is a real question: the router's own name is answered with its address."""
    [found] = diagnosed(router.host, "multicast")
    assert found["summary"] == f"eth0: sent and heard, {OWN} is answered"
    assert router.host.address in found["evidence"][0]


@needs_iptables
@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        ("INPUT -p udp --dport 5353 -j DROP", "does not come back"),
        ("OUTPUT -p udp --dport 5353 -j DROP", "cannot be sent: operation not permitted"),
    ],
)
def test_dropped_multicast(two: Host, rule: str, seen: str) -> None:
    """What a packet filter drops does not come back; the rule that is advised lets it through."""
    two.run("iptables", "-A", *rule.split())
    try:
        found = ailing(diagnosed(two, "multicast"), "warning")
        assert seen in found["evidence"][0]
        follow(two, found["mend"][0])
        assert healthy(diagnosed(two, "multicast"))
    finally:
        two.run("iptables", "-F")


@needs_iptables
def test_what_others_send_is_no_echo(two: Host, visitor: Host) -> None:
    """Only the own question counts: where it is dropped, others' do not hide that."""
    two.run("iptables", *"-A OUTPUT -p udp --dport 5353 -j DROP".split())
    two.run("ip6tables", *"-A OUTPUT -p udp --dport 5353 -j DROP".split())
    try:
        with visitor.popen("python3", "-c", CHATTER) as other:
            other.says("sent")
            assert "IPv4 and IPv6" in ailing(diagnosed(two, "multicast"))["summary"]
    finally:
        two.run("iptables", "-F")
        two.run("ip6tables", "-F")


@needs_iptables
def test_answers_that_are_dropped(router: Station) -> None:
    """The question is heard, but the router's answer does not come: that is told, and mended."""
    host = router.host
    for tool in ("iptables", "ip6tables"):
        host.run(tool, *"-A OUTPUT -p udp --sport 5353 -j DROP".split())
    try:
        found = ailing(diagnosed(host, "multicast"))
        assert f"does not answer to {OWN}" in found["summary"]
        follow(host, found["mend"][1])
        assert healthy(diagnosed(host, "multicast"))
    finally:
        for tool in ("iptables", "ip6tables"):
            host.run(tool, "-F")


def test_an_interface_without_multicast(two: Host) -> None:
    """An interface with multicast turned off is told, and turned on again by what is advised."""
    two.run("ip", "link", "set", "dev", "eth0", "multicast", "off")
    found = ailing(diagnosed(two, "multicast"))
    assert "eth0" in found["summary"]
    follow(two, found["mend"][0])
    assert healthy(diagnosed(two, "multicast"))


def test_somebody_has_the_port_alone(two: Host) -> None:
    """Who shares UDP port 5353 with nobody is named; when it has ended as advised, all is well."""
    with two.popen("python3", "-c", HOLD) as process:
        process.says("held")
        found = ailing(diagnosed(two, "mdns-stack"))
        assert "python3" in found["summary"]
        follow(two, found["mend"][0])
        process.child.wait(60)
    assert healthy(diagnosed(two, "mdns-stack"))


def test_avahi_shares_the_port(visitor: Host) -> None:
    """Avahi is another mDNS program, and no problem."""
    found = diagnosed(visitor, "mdns-stack")
    assert healthy(found)
    assert "avahi-daemon" in found[0]["summary"]


def test_avahi_that_keeps_others_out(two: Host) -> None:
    """With disallow-other-stacks=yes it is one, until that is changed and avahi started again."""
    config = two.path("/etc/avahi/avahi-daemon.conf")
    config.parent.mkdir(exist_ok=True)
    text = (
        "[server]\nhost-name=two\nuse-ipv4=yes\nuse-ipv6=no\ndisallow-other-stacks=yes\n[rlimits]\n"
    )
    config.write_text(text)
    daemon = "avahi-daemon --no-drop-root --no-chroot --no-rlimits"
    with two.popen(*"dbus-daemon --system --nofork --nopidfile --print-address".split()) as bus:
        bus.says("unix:")
        with two.popen(*daemon.split()) as first:
            first.says("Server startup complete")
            found = ailing(diagnosed(two, "mdns-stack"))
            assert "avahi-daemon" in found["summary"]
            assert found["mend"][1] == "sudo systemctl restart avahi-daemon"
            follow(two, found["mend"][0])
            first.stop()
        with two.popen(*daemon.split()) as second:
            second.says("Server startup complete")
            assert healthy(diagnosed(two, "mdns-stack"))


def test_no_means_to_look_local_names_up(router: Station) -> None:
    """A machine that does not look up .local names is told of that, as no problem."""
    router.host.resolves_by(hosts="files dns")
    found = diagnosed(router.host, "resolver")
    assert healthy(found) or {one["status"] for one in found} == {"info"}
    assert OWN in next(one["summary"] for one in found if ".local names" in one["summary"])


def test_nss_mdns_without_avahi(router: Station) -> None:
    """nsswitch.conf names mDNS, but avahi does not run: the advice is to start it, and it helps."""
    router.host.resolves_by(hosts=DEBIAN)
    found = ailing(diagnosed(router.host, "resolver"), "warning")
    assert found["mend"][0] == "sudo systemctl start avahi-daemon"
    with avahi(router.host):
        assert OWN in _resolved(router)["summary"]


def _resolved(router: Station) -> Found:
    found = diagnosed(router.host, "resolver")
    assert healthy(found), found
    return next(one for one in found if one["status"] == "ok" and OWN in one["summary"])


def test_waiting_for_an_address_that_nobody_has(net: Lan) -> None:
    """mdns_minimal waits 5 s for AAAA where there is none; with what is advised nobody waits."""
    with net.host("four", 4) as host:
        host.run("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6")
        host.resolves_by(hosts="files mdns_minimal [NOTFOUND=return] dns")
        with station(host, "shop") as running, avahi(host):
            running.announced("shop")
            found = ailing(diagnosed(host, "resolver"), "warning")
            assert "no IPv6 address takes more than" in found["summary"]
            follow(host, found["mend"][0])
            assert healthy(diagnosed(host, "resolver"))


def test_a_name_that_leads_elsewhere(router: Station) -> None:
    """The own name with somebody else's address is an error."""
    hosts = router.host.path("/etc/hosts")
    before = hosts.read_text()
    hosts.write_text(f"{before}198.51.100.1 {OWN}\n")
    try:
        found = ailing(diagnosed(router.host, "resolver"))
        assert "198.51.100.1" in found["summary"]
    finally:
        hosts.write_text(before)


def test_names_below_localhost_that_lead_elsewhere(two: Host) -> None:
    """A resolver that sends names below localhost elsewhere is an error."""
    hosts = two.path("/etc/hosts")
    before = hosts.read_text()
    hosts.write_text(f"{before}198.51.100.1 ocr-doctor.localhost\n")
    try:
        assert "198.51.100.1" in ailing(diagnosed(two, "resolver"))["summary"]
    finally:
        hosts.write_text(before)
