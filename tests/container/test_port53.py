"""Which right a port below 1024 takes: what the table of docs/containers.md says."""

from __future__ import annotations

import re
import secrets

import pytest
from tests.rig.engine import Engine
from tests.rig.image import NAME, ROOT

_CELL = r" ([^|\n]*) \|"
_ROWS = re.findall(
    rf"(?m)^\| (docker|podman)(?: as root)? \|{_CELL}{_CELL}$",
    ROOT.joinpath("docs/containers.md").read_text(),
)
_TABLE = {name: {"bridge": own, "host": host} for name, own, host in _ROWS}


@pytest.mark.parametrize("network", ["bridge", "host"])
def test_right(engine: Engine, network: str) -> None:
    """With the option that the table has, the DNS server listens there; without it, it cannot."""
    cell = _TABLE[engine.name][network]
    options = [word for option in re.findall("`(.*?)`", cell) for word in option.split()]
    assert options or cell == "nothing"
    assert complaint(engine, "--network", network, *options) == ""
    if options:
        assert "needs root or CAP_NET_BIND_SERVICE" in complaint(engine, "--network", network)


def complaint(engine: Engine, *options: str) -> str:
    """Return "" when a DNS server run so answers, else what it says as it ends.

    It listens on an address of the loopback device that nobody else has.
    """
    place = f"127.53.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}:53"
    serve = ("dns", "--no-mdns", f"--listen={place}")
    container = engine.run("run", "--detach", *options, NAME, *serve)
    try:
        health = engine.call("exec", container, "ocr-router", "health", "dns", "--wait", "30s")
        done = engine.call("logs", container)
        return done.stderr + done.stdout if health.returncode else ""
    finally:
        engine.run("rm", "--force", "--volumes", container)
