"""Routers hear each other, and whoever else announces projects."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.rig.avahi import avahi, browse
from tests.rig.http import Json
from tests.rig.lan import Host
from tests.rig.station import OWNER, PORT, SIGN_ON, Station, station
from tests.rig.wait import until

OTHER = f"ocr-{OWNER}-two"
URL = f"http://shop-{OWNER}.local:{PORT}/"


@pytest.fixture(scope="module")
def router(one: Host) -> Iterator[Station]:
    """Run a router that hears others."""
    with station(one, "myproject") as running:
        running.announced("myproject")
        yield running


def _peer(router: Station, label: str) -> Json:
    return next((peer for peer in router.get("/api/peers") if peer["label"] == label), None)


def test_routers_hear_each_other(router: Station, two: Host, visitor: Host) -> None:
    """Each has the other's projects, not its own; a project that is found so is reached so.

    What a router tells is believed when its user has accepted it, and not before. A router that
    ends is no more heard.
    """
    with station(two, "shop") as other:
        other.announced("shop")
        heard = until(lambda: _peer(router, OTHER), what=router.process.log.read_text)
        assert until(lambda: _peer(other, f"ocr-{OWNER}-one"))["projects"][0]["slug"] == "myproject"
        assert (heard["verified"], heard["addresses"]) == (False, [two.address, two.address6])
        assert _found(router, "shop") == []
        assert router.tool("peer", "add", OTHER).startswith(f"accepted  {OTHER}")
        until(lambda: _peer(router, OTHER)["verified"])
        assert _found(router, "shop") == [URL]
        assert visitor.curl(f"{URL}session", *SIGN_ON) == "[]"
        shown = json.loads(router.tool("browse", "--json"))
        assert [row["projects"][0]["url"] for row in shown if row["label"] == OTHER] == [URL]
    until(lambda: _peer(router, OTHER) is None)


def test_avahi_beside_the_router(router: Station, visitor: Host) -> None:
    """Both have port 5353 of one machine: each hears the other, and other machines hear both."""
    host, name = router.host, f"myproject-{OWNER}.local"
    service = ("avahi-publish", "-s", "neighbour", "_opencode._tcp", "9", "project=beside")
    with avahi(host), host.popen(*service) as publisher:
        publisher.says("Established under name")
        until(lambda: _projects(router) == {"beside"}, what=lambda: router.get("/api/peers"))
        for machine in (host, visitor):
            assert machine.getent("hosts", name) == {host.address}
            assert machine.getent("hosts", "one.local") == {host.address}
            found = {item.instance for item in browse(machine, "_opencode._tcp")}
            assert {f"myproject-{OWNER}", "neighbour"} <= found
        assert host.getent("hosts", "visitor.local") == {visitor.address}
        assert host.curl(f"http://{name}:{PORT}/session", *SIGN_ON) == "[]"
    until(lambda: not _projects(router))


def _projects(router: Station) -> set[str]:
    """Return the projects of those that are no routers."""
    peers = [peer for peer in router.get("/api/peers") if not peer["label"]]
    return {project["project_name"] for peer in peers for project in peer["projects"]}


def _found(router: Station, name: str) -> list[str]:
    """Return where the projects of a name are, on the whole network."""
    url = f"http://{router.at}:{PORT}/api/resolve?scope=lan&name={name}"
    reply = json.loads(router.host.call("curl", "--silent", *SIGN_ON, url).stdout)
    return [reply["url"]] if "url" in reply else []
