"""A project's name is found from another machine, by every way that such a machine has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rig.avahi import Found, browse, resolve
from tests.rig.lan import Host, Lan
from tests.rig.station import OWNER, PORT, SIGN_ON, Station, serving, station
from tests.rig.tape import taping

KIND, ROUTER = "_opencode._tcp", "_opencode-router._tcp"
URL = f"http://myproject-{OWNER}.local:{PORT}"


@pytest.fixture(scope="module")
def router(one: Host) -> Iterator[Station]:
    """Run a router as its user does, with two projects."""
    with station(one, "myproject", "web-shop") as running:
        running.announced("myproject", "web-shop")
        yield running


@pytest.fixture(scope="module")
def both(net: Lan) -> Iterator[Station]:
    """Run a router that listens for both families, and tells all that it may."""
    home = Path("bäume/ελιά") / ("目" * 80)
    flags = {"--hostname": "::", "--mdns-txt": "full"}
    with (
        net.host("both", 3) as host,
        station(host, "six", flags=flags, within=host.folder / home) as running,
    ):
        running.announced("six")
        yield running


def _by_instance(found: list[Found]) -> dict[str, Found]:
    return {item.instance: item for item in found}


def test_avahi_browses_the_projects(router: Station, visitor: Host) -> None:
    """avahi-browse shows a service for each project: its host, the router's port, who has it."""
    found = _by_instance(browse(visitor, KIND))
    rows = {row["slug"]: row for row in router.get("/api/backends")}
    for slug in ("myproject", "web-shop"):
        item = found[f"{slug}-{OWNER}"]
        assert item.host == f"{slug}-{OWNER}.local" == rows[slug]["domain"]
        assert (item.address, item.port) == (router.host.address, PORT)
        expected = {"project": slug, "owner": OWNER, "version": rows[slug]["version"]}
        assert item.txt == expected


def test_avahi_browses_the_router(router: Station, visitor: Host) -> None:
    """avahi-browse shows the router, too, with an address of its own."""
    found = _by_instance(browse(visitor, ROUTER))[f"ocr-{OWNER}-one"]
    assert (found.host, found.address) == (f"ocr-{OWNER}-one.local", router.host.address)
    assert found.port == PORT
    assert found.txt["owner"] == OWNER


def test_avahi_resolves(router: Station, visitor: Host) -> None:
    """avahi-resolve has the address of the router's machine."""
    assert resolve(visitor, f"myproject-{OWNER}.local") == router.host.address


def test_libc_resolves(router: Station, visitor: Host) -> None:
    """So has every program, by libnss-mdns."""
    assert visitor.getent("hosts", f"web-shop-{OWNER}.local") == {router.host.address}


def test_curl_gets_there(router: Station, visitor: Host) -> None:
    """A client reaches the project by name, with the password; without it nobody is let in."""
    assert json.loads(visitor.curl(f"{URL}/session", *SIGN_ON)) == []
    assert _directory(visitor, URL) == str(router.host.folder / "home/myproject")
    status = visitor.run("curl", "--silent", "-o", "/dev/null", "-w", "%{http_code}", f"{URL}/path")
    assert status == "401"


def test_a_project_that_comes_is_announced(router: Station, visitor: Host) -> None:
    """A server that is started later has its name at once; the others keep theirs."""
    name = f"late-{OWNER}.local"
    with taping(visitor) as tape:
        with serving(router.host, router.host.folder / "elsewhere" / "late"):
            assert tape.hears(name, "A").data == router.host.address
            assert visitor.curl(f"http://{name}:{PORT}/session", *SIGN_ON) == "[]"
        tape.hears_goodbye(name, "A")
        assert not [said for said in tape.said(f"myproject-{OWNER}.local", "A") if not said.ttl]


def test_a_family_that_is_missing_is_denied(two: Host, visitor: Host) -> None:
    """Who asks for AAAA of a host that has only A is told so, not left waiting (RFC 6762 6.1)."""
    with station(two, "narrow", flags={"--hostname": two.address}) as router:
        router.announced("narrow")
        name = f"narrow-{OWNER}.local"
        assert router.told(name) == [two.address]
        options = f"-p 5353 @{two.address} +tries=1 +noall +answer +additional".split()
        answer = visitor.run("dig", *options, name, "AAAA")
        records = [line.split() for line in answer.splitlines()]
        assert [(owner, kind, data) for owner, _, _, kind, *data in records] == [
            (f"{name}.", "NSEC", [f"{name}.", "A"])
        ]


def test_both_families(both: Station, visitor: Host) -> None:
    """A router that listens on :: has AAAA beside A, and is reached by either."""
    name = f"six-{OWNER}.local"
    assert resolve(visitor, name) == both.host.address
    assert resolve(visitor, name, family=6) == both.host.address6
    visitor.resolves_by(hosts="files mdns_minimal [NOTFOUND=return] dns")
    assert visitor.getent("ahosts", name) == both.host.addresses
    for family in ("--ipv4", "--ipv6"):
        assert visitor.curl(f"http://{name}:{PORT}/session", family, *SIGN_ON) == "[]"
    visitor.resolves_by()


def test_all_that_may_be_told(both: Station, visitor: Host) -> None:
    """With --mdns-txt full path and backend are told; a long path keeps its end."""
    txt = _by_instance(browse(visitor, KIND))[f"six-{OWNER}"].txt
    row = both.get("/api/backends")[0]
    assert txt.keys() == {"project", "path", "backend", "owner", "version"}
    assert txt["backend"] == f"127.0.0.1:{row['port']}"
    assert len(f"path={txt['path']}".encode()) <= 255 < len(row["project_path"].encode())
    assert txt["path"].endswith("目/six")
    assert row["project_path"].endswith(txt["path"].removeprefix("…"))


def _directory(host: Host, url: str) -> str:
    return str(json.loads(host.curl(f"{url}/path", *SIGN_ON))["directory"])
