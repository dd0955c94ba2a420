"""Machines without mDNS: they ask the router's DNS server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.rig.avahi import avahi, published
from tests.rig.lan import Host, Lan
from tests.rig.resolved import needs_resolved, resolved
from tests.rig.station import OWNER, PORT, SIGN_ON, Station, sidecar, station
from tests.rig.tape import taping

NAME = f"myproject-{OWNER}.local"
ZONE = "dev.example.test"
ZONED = f"myproject-{OWNER}.{ZONE}"


@pytest.fixture(scope="module")
def router(one: Host) -> Iterator[Station]:
    """Run a router that answers DNS questions."""
    flags = {"--dns": f"{one.address}:53", "--dns-zone": ZONE}
    with station(one, "myproject", flags=flags) as running:
        yield running


@pytest.fixture
def client(router: Station, two: Host) -> Host:
    """Return a machine without avahi that asks the router."""
    two.resolves_by(router.host.address)
    return two


def test_libc_asks_the_router(router: Station, client: Host) -> None:
    """Without avahi the names are found all the same, and lead to the projects."""
    assert client.getent("ahosts", NAME) == router.host.addresses
    assert client.getent("ahosts", NAME) == router.host.addresses
    assert client.curl(f"http://{NAME}:{PORT}/session", *SIGN_ON) == "[]"


def test_the_ordinary_zone(router: Station, client: Host) -> None:
    """The same projects have names that no client takes for mDNS; the router goes by them."""
    assert client.getent("ahosts", ZONED) == router.host.addresses
    assert client.curl(f"http://{ZONED}:{PORT}/session", *SIGN_ON) == "[]"


def test_other_names_by_the_bridge(client: Host, visitor: Host) -> None:
    """What only mDNS knows, and what a machine tells later, is found through the router."""
    assert client.getent("ahosts", "visitor.local") == visitor.addresses
    assert visitor.address6 in client.getent("ahostsv6", "visitor.local")
    with published(visitor, "printer.local", "10.77.0.77"):
        assert client.getent("ahosts", "printer.local") == {"10.77.0.77"}


def test_a_name_that_nobody_has(client: Host) -> None:
    """It is denied: the client is told that there is no such name, and does not ask in vain."""
    assert client.call("getent", "hosts", "nobody.local").returncode == 2
    assert "status: NXDOMAIN" in client.run("dig", "nobody.local")


def test_others_than_neighbours(router: Station, client: Host, visitor: Host) -> None:
    """A client of another network gets the router's own names; nobody is asked by mDNS for it."""
    far = "172.30.0.2"
    client.run("ip", "address", "add", f"{far}/32", "dev", "eth0")
    router.host.run("ip", "route", "add", f"{far}/32", "dev", "eth0")
    with taping(visitor) as tape:
        assert _asks(client, NAME, by=far) == "NOERROR"
        assert _asks(client, "visitor.local", by=far) == "REFUSED"
        assert not tape.said("visitor.local", "A")
        assert _asks(client, "visitor.local", by=client.address) == "NOERROR"


def test_debian_with_avahi(router: Station, net: Lan, two: Host) -> None:
    """nss-mdns asks DNS for .local when the server says that it has ``local.``, and not before."""
    url = f"http://{router.host.address}:{PORT}"
    with avahi(two, interfaces="lo"):  # which hears nobody
        two.resolves_by(router.host.address)
        assert two.getent("ahosts", NAME) == set()
        with net.host("four", 4) as four, sidecar(four, url, "--dns-claim-local") as beside:
            beside.says("router followed")
            two.resolves_by(four.address)
            assert two.getent("ahosts", NAME) == router.host.addresses


@needs_resolved
def test_systemd_resolved_that_is_told(router: Station, two: Host, visitor: Host) -> None:
    """With the routing domain ``~local`` systemd-resolved asks the router, also for other names."""
    settings = (f"DNS={router.host.address}", "Domains=~local")
    with resolved(two, *settings) as resolver:
        assert resolver.query(NAME) == router.host.addresses
        assert resolver.query("visitor.local") == visitor.addresses
        assert resolver.query("nobody.local") == set()
        assert two.curl(f"http://{NAME}:{PORT}/session", *SIGN_ON) == "[]"


@needs_resolved
def test_systemd_resolved_that_is_not_told(router: Station, two: Host) -> None:
    """Without it systemd-resolved keeps ``.local`` for mDNS: the ordinary zone is for that."""
    with resolved(two, f"DNS={router.host.address}") as resolver:
        assert resolver.query(NAME) == set()
        assert resolver.query(ZONED) == router.host.addresses
        assert two.curl(f"http://{ZONED}:{PORT}/session", *SIGN_ON) == "[]"


@needs_resolved
def test_systemd_resolved_by_mdns(router: Station, two: Host) -> None:
    """Where its own mDNS is on it hears the router itself, without DNS."""
    with resolved(two, "MulticastDNS=yes") as resolver:
        assert resolver.ctl("mdns", "eth0", "yes").returncode == 0
        router.announced("myproject")
        found = resolver.query(NAME, "--protocol=mdns")
        assert set() < found <= router.host.addresses  # it is content with what comes first


def _asks(client: Host, name: str, *, by: str) -> str:
    """Return the status of the answer that a client gets at one of its addresses."""
    said = client.run("dig", "-b", by, name)
    return said.partition("status: ")[2].partition(",")[0]
