"""The DNS server by itself, for a router on this machine or on another one, and its clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.rig.lan import Host, Lan
from tests.rig.resolved import needs_resolved, resolved
from tests.rig.router import COMMAND
from tests.rig.station import (
    OWNER,
    PORT,
    SIGN_ON,
    Station,
    environment,
    serving,
    sidecar,
    station,
)
from tests.rig.wait import until

NAME = f"myproject-{OWNER}.local"
ZONE = "dev.example.test"
ZONED = f"myproject-{OWNER}.{ZONE}"
URL = f"http://{NAME}:{PORT}/session"


@pytest.fixture(scope="module")
def router(one: Host) -> Iterator[Station]:
    """Run a router that answers no DNS questions itself."""
    with station(one, "myproject", flags={"--dns-zone": ZONE}) as running:
        yield running


@pytest.fixture(scope="module")
def server(net: Lan, router: Station) -> Iterator[Host]:
    """Answer DNS questions on a host beside the router's."""
    url = f"http://{router.host.address}:{PORT}"
    with net.host("server", 53) as host, sidecar(host, url, "--dns-zone", ZONE) as process:
        until(lambda: _asked(host, ZONED), what=process.log.read_text)
        yield host


@pytest.fixture
def client(server: Host, two: Host) -> Iterator[Host]:
    """Return a machine without avahi that asks the server."""
    two.resolves_by(server.address)
    yield two
    two.resolves_by()


def test_names_of_a_router_elsewhere(router: Station, client: Host) -> None:
    """The server follows a router on another machine, and names lead there."""
    assert client.getent("ahosts", NAME) == router.host.addresses
    assert client.curl(URL, *SIGN_ON) == "[]"
    assert client.getent("ahosts", ZONED) == router.host.addresses


def test_it_follows_the_router(router: Station, client: Host) -> None:
    """A project that comes and goes has a name as long as it is there."""
    name = f"fleeting-{OWNER}.{ZONE}"  # which mDNS does not know
    assert client.getent("ahosts", name) == set()
    with serving(router.host, router.host.folder / "elsewhere" / "fleeting"):
        until(lambda: client.getent("ahosts", name) == router.host.addresses)
    until(lambda: client.getent("ahosts", name) == set())


def test_names_that_only_mdns_knows(client: Host, visitor: Host) -> None:
    """Other machines' names are found, too: the server asks for them by mDNS."""
    assert client.getent("ahostsv4", "visitor.local") == {visitor.address}
    assert client.call("getent", "hosts", "nobody.local").returncode == 2


@needs_resolved
def test_setup_of_systemd_resolved(router: Station, server: Host, net: Lan) -> None:
    """What ``dns setup resolved --apply`` writes makes systemd-resolved ask; ``--undo`` ends it."""
    with net.host("client", 31) as client:
        _setup(client, "resolved", "--apply", "--server", f"{server.address}:53")
        with resolved(client) as resolver:
            assert resolver.query(NAME) == router.host.addresses
            assert client.curl(URL, *SIGN_ON) == "[]"
        _setup(client, "--undo")
        with resolved(client) as resolver:
            assert resolver.query(NAME) == set()


def test_setup_of_dnsmasq(router: Station, server: Host, net: Lan) -> None:
    """What ``dns setup dnsmasq --apply`` writes lets a network's dnsmasq ask the server."""
    command = """dnsmasq --keep-in-foreground --no-resolv --no-hosts --user=root --stop-dns-rebind
        --pid-file --log-facility=- --conf-file=/dev/null --conf-dir=/etc/dnsmasq.d/,*.conf"""
    with net.host("client", 32) as client:
        client.path("/etc/dnsmasq.d").mkdir(exist_ok=True)
        client.resolves_by("127.0.0.1")
        _setup(client, "dnsmasq", "--apply", "--server", f"{server.address}:53")
        with client.popen(*command.split()) as running:
            running.says("started")
            assert client.getent("ahosts", NAME) == router.host.addresses
            assert client.getent("ahosts", ZONED) == router.host.addresses
        _setup(client, "--undo")
        with client.popen(*command.split()) as running:
            running.says("started")
            assert client.getent("ahosts", NAME) == set()


def _setup(host: Host, *argv: str) -> None:
    """Run ``ocr-router dns setup`` as a host's administrator does."""
    names = ("OCR_STATE_DIR", "PATH", "HOME")
    given = [f"{name}={value}" for name, value in environment(host).items() if name in names]
    host.run("env", *given, f"OCR_DNS_ZONE={ZONE}", COMMAND, "dns", "setup", *argv)


def _asked(server: Host, name: str) -> str:
    """Return what a server answers."""
    done = server.call("dig", f"@{server.address}", "+short", "+tries=1", "+timeout=1", name)
    return "" if done.stdout.startswith(";") else done.stdout
