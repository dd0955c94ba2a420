"""Two routers and a liar on a LAN: who is seen, who is accepted, and who is not believed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.rig.announcer import announcer
from tests.rig.http import Json
from tests.rig.lan import Completed, Host, Lan, Process
from tests.rig.router import COMMAND
from tests.rig.station import PORT, Station, environment, station
from tests.rig.wait import until

from opencoderouter.core.announcement import PROJECT, ROUTER
from opencoderouter.core.peers import Heard

_TRAP = """
import socket, sys
trap = socket.create_server(("0.0.0.0", int(sys.argv[1])))
print("listening")
while True:
    print("connected by", trap.accept()[1])
"""


@pytest.fixture(scope="module")
def alice(one: Host) -> Iterator[Station]:
    """Run the router of alice."""
    with station(one, "blog") as made:
        yield made


@pytest.fixture(scope="module")
def bob(two: Host) -> Iterator[Station]:
    """Run the router of bob."""
    with station(two, "shop", flags={"--username": "bob"}) as made:
        yield made


@pytest.fixture(scope="module")
def liar(net: Lan) -> Iterator[Host]:
    """Plug in a host that runs no router."""
    with net.host("liar", 5) as host:
        yield host


def command(on: Station, *arguments: str) -> Completed:
    """Run ``ocr-router`` as the user of a router does."""
    variables = [f"{name}={value}" for name, value in environment(on.host).items()]
    return on.host.call("env", *variables, COMMAND, *arguments)


def resolved(by: Station, name: str) -> Json:
    """Return what a router says that a name means on the LAN."""
    url = f"http://localhost:{PORT}/api/resolve?name={name}&scope=lan"
    return json.loads(by.host.call("curl", "--silent", url).stdout)


def peer(by: Station, label: str, *projects: str) -> Json:
    """Return another router that has these projects, if this one sees it."""

    def has(row: Json) -> bool:
        there = {one["slug"] for one in row["projects"]}
        return row["label"] == label and there >= set(projects)

    return next((row for row in by.get("/api/peers") if has(row)), None)


@contextmanager
def listening(host: Host) -> Iterator[Process]:
    """Wait for connections where a router is said to be, and tell of each."""
    with host.popen(sys.executable, "-u", "-c", _TRAP, PORT) as process:
        process.says("listening")
        yield process


def test_seen_and_accepted(alice: Station, bob: Station) -> None:
    """Each sees the other and not itself; what is accepted resolves, until it is not any more."""
    row = until(lambda: peer(alice, "ocr-bob-two", "shop"))
    assert (row["verified"], row["host"], row["port"]) == (False, "ocr-bob-two.local", PORT)
    assert set(row["addresses"]) == {bob.host.address, bob.host.address6}
    until(lambda: peer(bob, "ocr-alice-one", "blog"))
    assert [row["label"] for row in alice.get("/api/peers")] == ["ocr-bob-two"]
    assert resolved(alice, "shop")["error"] == "not_found"

    assert "shop-bob.local:8080/" in command(alice, "browse").stdout
    done = command(alice, "peer", "add", bob.host.address)
    assert done.stdout.startswith("accepted  ocr-bob-two  port 8080 at "), done
    shop = until(lambda: resolved(alice, "shop").get("url"))
    assert shop == f"http://shop-bob.local:{PORT}/"
    assert peer(bob, "ocr-alice-one")["verified"] is False

    command(alice, "peer", "remove", "ocr-bob-two")
    until(lambda: resolved(alice, "shop").get("error") == "not_found")


def test_a_liar(alice: Station, bob: Station, liar: Host) -> None:
    """Who announces projects of an accepted router, or takes its name, is not believed."""
    until(lambda: peer(alice, "ocr-bob-two", "shop"))
    command(alice, "peer", "add", "ocr-bob-two")
    until(lambda: resolved(alice, "shop").get("url"))
    both = (bob.host.address, liar.address)
    told = (("owner", "bob"), ("project", "bank"))
    with listening(liar) as trap, announcer(liar.address, liar.command) as somebody:
        somebody.register(
            Heard(PROJECT, "bank-bob", "bank-bob.local", PORT, both, told),
            Heard(PROJECT, "vault-bob", "vault-bob.local", PORT, (liar.address,), told),
            Heard(ROUTER, "ocr-bob-zwei", "ocr-bob-zwei.local", PORT, (liar.address,), told),
        )
        until(lambda: peer(alice, "ocr-bob-zwei", "bank", "vault"))
        for name in ("bank", "bank-bob", "vault", "vault-bob"):
            assert resolved(alice, name)["error"] == "not_found"
        assert resolved(alice, "shop")["url"] == f"http://shop-bob.local:{PORT}/"
        assert command(alice, "resolve", "shop").returncode == 1
        said = command(alice, "resolve", "--lan", "shop")
        assert said.stdout == f"http://shop-bob.local:{PORT}/\n"
        command(alice, "peer", "add", "ocr-bob-zwei")
        until(lambda: resolved(alice, "vault").get("url"))
        assert trap.log.read_text() == "listening\n"  # accepted or not, nobody has connected
    with announcer(liar.address, liar.command) as somebody:
        somebody.say(("ocr-bob-two.local.", "A", 120, liar.address))
        until(lambda: not (peer(alice, "ocr-bob-two") or {}).get("verified"))
        assert resolved(alice, "shop")["error"] == "not_found"
