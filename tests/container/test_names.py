"""The DNS server in a container of its own, beside the router's."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from testcontainers.core.network import Network
from tests.rig.engine import Engine
from tests.rig.program import stand_in
from tests.rig.vessel import Vessel, launched, network
from tests.rig.wait import until

SHOP, ZONE = "/srv/shop", "dev.example.test"
PYTHON = "/opt/ocr-router/bin/python"
needs_dig = pytest.mark.skipif(not shutil.which("dig"), reason="needs dig")


@pytest.fixture(scope="module")
def own(engine: Engine) -> Iterator[Network]:
    """Make a network for router and DNS server."""
    with network(engine) as made:
        yield made


@pytest.fixture(scope="module")
def router(
    engine: Engine, engine_image: str, own: Network, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Vessel]:
    """Run a router with one project, which is known in its network as ``router``."""
    folder = tmp_path_factory.mktemp("names")
    program = stand_in(folder, python=PYTHON) / "opencode"
    (folder / "shop").mkdir()
    options = ("--no-mdns", "--username=alice", "--allow-host=router", f"--dns-zone={ZONE}")
    with launched(
        engine,
        engine_image,
        *("serve", *options, SHOP),
        network=own,
        name="router",
        volumes=[
            (str(program), "/usr/local/bin/opencode", "ro"),
            (str(folder / "shop"), SHOP, "ro"),
        ],
    ) as running:
        running.ready(SHOP, headers=running.login())
        yield running


@pytest.fixture(scope="module")
def server(engine: Engine, engine_image: str, own: Network, router: Vessel) -> Iterator[Vessel]:
    """Run the DNS server, at the usual port, with the one right that this may need."""
    # Names in Podman's networks take aardvark-dns, which not every one uses.
    where = "router" if engine.name == "docker" else router.address()
    often: dict[str, Any] = (
        {"healthcheck": {"interval": 500_000_000}} if engine.name == "docker" else {}
    )
    with launched(
        engine,
        engine_image,
        *("dns", f"--router=http://{where}:8080", "--listen=0.0.0.0:53", f"--dns-zone={ZONE}"),
        network=own,
        name="dns",
        env={"OCR_TOKEN": router.password()},
        waits=False,
        cap_drop=["ALL"],
        cap_add=["NET_BIND_SERVICE"],
        read_only=True,
        **often,
    ) as running:
        yield running


@needs_dig
@pytest.mark.parametrize("name", ["shop-alice.local", f"shop-alice.{ZONE}"])
@pytest.mark.parametrize("over", ["+notcp", "+tcp"])
def test_resolved(router: Vessel, server: Vessel, name: str, over: str) -> None:
    """A project's names lead to the router's container, over UDP and TCP."""
    until(lambda: dig(server, name, over) == router.address(), what=server.log)


@needs_dig
def test_followed(router: Vessel, server: Vessel) -> None:
    """A name goes and comes with its project."""
    key, name = router.login(), "shop-alice.local"
    router.post("api/backends/shop/stop", {}, headers=key)
    until(lambda: not dig(server, name, "+notcp"), what=server.log)
    router.post("api/backends/shop/start", {}, headers=key)
    until(lambda: dig(server, name, "+notcp") == router.address(), what=server.log)


def test_healthy(server: Vessel) -> None:
    """It says that it is well; docker asks it."""
    server.run("ocr-router", "health", "dns", "--wait", "30s")
    if server.engine.name == "docker":  # podman's images have no health check
        until(lambda: server.state["Health"]["Status"] == "healthy", what=lambda: server.state)


def dig(server: Vessel, name: str, over: str) -> str:
    """Return the address that a name has by the DNS server."""
    asked = (f"@{server.address()}", name, "A", over, "+short", "+time=2", "+tries=1")
    return subprocess.run(
        ["dig", *asked], check=False, capture_output=True, text=True
    ).stdout.strip()
