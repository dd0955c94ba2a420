"""What each kind of client is told."""

from __future__ import annotations

import pytest

from opencoderouter.announce.client.recipes import MARK, SYSTEMS, Server, needs_port, recipe

HERE, THERE = Server("127.0.0.1", 8053), Server("fd00::1", 53)
ZONES = ("local", "dev.example.test")


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("server", [HERE, THERE])
def test_every_system(system: str, server: Server) -> None:
    """Each says something; what it writes is in /etc, says who wrote it and names the server."""
    made = recipe(system, server, ZONES)
    assert made.system == system
    assert made.paragraphs
    assert not any("  " in text or "\n" in text for text in made.paragraphs)
    for file in made.files:
        assert file.path.startswith("/etc/")
        assert file.content.startswith(f"# {MARK}\n")
        assert file.content.endswith("\n")
    if made.files:
        assert any(server.address in file.content for file in made.files)


def test_systemd_resolved() -> None:
    """An IPv6 address stands in brackets before its port; domains only route."""
    (file,) = recipe("resolved", THERE, ZONES).files
    assert file.content.splitlines()[1:] == [
        "[Resolve]",
        "DNS=[fd00::1]:53",
        "Domains=~local ~dev.example.test",
    ]


def test_macos() -> None:
    """There is a file for each zone, of its name."""
    files = recipe("macos", HERE, ZONES).files
    assert [file.path for file in files] == [
        "/etc/resolver/local",
        "/etc/resolver/dev.example.test",
    ]
    assert {file.content.partition("\n")[2] for file in files} == {
        "nameserver 127.0.0.1\nport 8053\n"
    }


def test_dnsmasq() -> None:
    """Each zone has its server, and may have private addresses."""
    (file,) = recipe("dnsmasq", HERE, ZONES).files
    assert file.content.splitlines()[1:] == [
        "server=/local/127.0.0.1#8053",
        "rebind-domain-ok=/local/",
        "server=/dev.example.test/127.0.0.1#8053",
        "rebind-domain-ok=/dev.example.test/",
    ]


@pytest.mark.parametrize("system", ["windows", "wsl", "container"])
def test_clients_without_ports(system: str) -> None:
    """Who can ask port 53 only is told so, unless the server is there."""
    assert "port 53" in needs_port(system, HERE)
    assert needs_port(system, THERE) == ""
    assert recipe(system, HERE, ZONES).files == ()
    assert needs_port("resolved", HERE) == ""
