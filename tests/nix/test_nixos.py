"""The NixOS module: what it makes of its options, and what it refuses."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from tests.rig.nix import ROOT, Nix

from opencoderouter import settings

UNITS = ROOT / "deploy/systemd/system"
ALICE = "users.users.alice = { };"
# Set by the module itself: where things are, and who it is.
PLACES = {"ExecStart", "User", "Environment", "EnvironmentFile"}


def machine(text: str) -> str:
    """Return the expression of a machine with these options of the service."""
    return f"(nixos {{ {ALICE} services.opencoderouter = {{ enable = true; {text} }}; }})"


def service(unit: str) -> dict[str, list[str]]:
    """Return the lines of a unit's section [Service], by key."""
    section = unit.partition("[Service]\n")[2].partition("\n[")[0]
    found = defaultdict(list)
    for key, value in re.findall(r"(?m)^(\w+)=(.*)$", section):
        found[key].append(value)
    return found


def router(nix: Nix, text: str) -> dict[str, list[str]]:
    """Return the section of alice's router."""
    return service(nix.evaluate(machine(text) + '.units."opencoderouter@alice"'))


def test_nothing_unless_enabled(nix: Nix) -> None:
    """The module alone changes nothing."""
    assert nix.evaluate("(nixos { }).units") == {}


@pytest.mark.parametrize(
    ("unit", "file"),
    [
        ("opencoderouter@alice", "opencoderouter@.service"),
        ("opencoderouter-dns", "opencoderouter-dns.service"),
    ],
)
def test_service_is_that_of_deploy(nix: Nix, unit: str, file: str) -> None:
    """Kind, watchdog and hardening are, line by line, those of the unit in deploy/."""
    text = 'users.alice = { }; dns = { enable = true; environmentFile = "/run/t"; };'
    made = service(nix.evaluate(machine(text) + f'.units."{unit}"'))
    model = service((UNITS / file).read_text())
    assert model["Type"] == ["notify"]
    for key in (model.keys() | made.keys()) - PLACES:
        assert made[key] == model[key], key
    for line in model["Environment"]:
        if not line.strip('"').startswith(("PATH=", "OPTIONS=", "PROJECTS=")):
            assert f'"{line}"' in made["Environment"]


def test_runs_as_its_user(nix: Nix) -> None:
    """The router is alice's, finds her programs, and reads the settings of the module."""
    made = router(nix, "users.alice.settings.port = 8081;")
    assert made["User"] == ["alice"]
    path = next(line for line in made["Environment"] if line.startswith("PATH="))
    assert "/etc/profiles/per-user/alice/bin" in path
    assert "EnvironmentFile" not in made


def test_projects_are_quoted(nix: Nix) -> None:
    """No character of a directory's name means something to systemd, or is an option."""
    made = router(nix, r'users.alice.projects = [ "/home/alice/a b" "/100%/$HOME/\"q\"\\" "-x" ];')
    words = made["ExecStart"][0].partition('/bin/ocr-router" ')[2]
    assert words == r'"serve" "--" "/home/alice/a b" "/100%%/$$HOME/\"q\"\\" "-x"'


def test_settings_are_what_the_program_reads(nix: Nix, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that is written has the settings, and those only; the program takes it."""
    text = 'users.alice.settings = { port = 8081; fleet = true; dns_forward = [ "192.0.2.1" ]; };'
    lines = router(nix, text)["Environment"]
    place = next(line for line in lines if "OCR_CONFIG" in line).strip('"').partition("=")[2]
    monkeypatch.setenv("OCR_CONFIG", place)
    monkeypatch.delenv("OCR_PORT", raising=False)
    loaded, origin = settings.load({})
    assert (loaded.port, loaded.fleet, list(loaded.dns_forward)) == (8081, True, ["192.0.2.1"])
    from_file = {name for name, layer in origin.items() if layer == "file"}
    assert from_file == {"port", "fleet", "dns_forward", "hostname"}


LISTEN = '[ "192.0.2.7:53" "[2001:db8::7]:53" "127.0.0.1:8053" "[::1]:8053" ]'
LOOPBACK = 'openFirewall = true; users.alice.settings = { hostname = "::1"; port = 80; };'
FIREWALL: dict[str, tuple[str, list[int], list[int]]] = {
    "closed": ("", [], []),
    "open": ("openFirewall = true;", [8080], [5353]),
    "loopback": ('openFirewall = true; users.alice.settings.hostname = "127.0.0.1";', [], []),
    "some loopback": (
        (
            f'{LOOPBACK} users.bob.settings = {{ hostname = "Localhost"; port = 81; }};'
            "users.carol = { };"
        ),
        [8080],
        [5353],
    ),
    "mdns on loopback": (
        f"{LOOPBACK} users.carol.settings.mdns = false;",
        [8080],
        [],
    ),
    "other port": ("openFirewall = true; users.alice.settings.port = 9000;", [9000], [5353]),
    "no mdns": ("openFirewall = true; users.alice.settings.mdns = false;", [8080], []),
    "dns": (
        (
            "openFirewall = true; dns.enable = true;"
            f'dns.environmentFile = "/run/t"; dns.listen = {LISTEN};'
        ),
        [8080, 53],
        [5353, 53],
    ),
}


@pytest.mark.parametrize(("text", "tcp", "udp"), FIREWALL.values(), ids=list(FIREWALL))
def test_firewall(nix: Nix, text: str, tcp: list[int], udp: list[int]) -> None:
    """It opens what others may ask, and only when told to."""
    firewall = nix.evaluate(machine(f"users.alice = {{ }}; {text}") + ".config.networking.firewall")
    assert firewall == {"allowedTCPPorts": tcp, "allowedUDPPorts": udp}


def test_dns(nix: Nix) -> None:
    """The DNS server has a user of its own, and is told where to listen and whom to follow."""
    text = (
        'dns = { enable = true; listen = [ "192.0.2.7:53" ]; router = "http://192.0.2.7:8080";'
        ' environmentFile = "/run/secrets/dns"; settings.dns_zone = "dev.example.test"; };'
    )
    made = service(nix.evaluate(machine(text) + ".units.opencoderouter-dns"))
    assert made["ExecStart"][0].endswith('"dns" "--listen" "192.0.2.7:53"')
    assert made["DynamicUser"] == ["yes"]
    assert made["EnvironmentFile"] == ["/run/secrets/dns"]
    assert '"OCR_ROUTER=http://192.0.2.7:8080"' in made["Environment"]


OWNERS: dict[str, tuple[str, str]] = {
    "the only one": ("users.alice = { };", "alice"),
    "another one": ('users.alice = { }; dns.routerUser = "bob";', "bob"),
    "one of two": (
        'users.alice = { }; users.bob.settings.port = 8081; dns.routerUser = "bob";',
        "bob",
    ),
    "elsewhere": ('dns.router = "http://devbox:8080";', ""),
}


@pytest.mark.parametrize(("text", "owner"), OWNERS.values(), ids=list(OWNERS))
def test_owner_of_the_router(nix: Nix, text: str, owner: str) -> None:
    """The DNS server, which is another user, is told whose router it is to show its token to."""
    dns = 'dns = { enable = true; environmentFile = "/run/t"; };'
    made = service(nix.evaluate(machine(text + dns) + ".units.opencoderouter-dns"))
    told = [line for line in made["Environment"] if "OCR_ROUTER_USER" in line]
    assert told == ([f'"OCR_ROUTER_USER={owner}"'] if owner else [])


DNS = 'dns.enable = true; dns.environmentFile = "/run/t";'
REFUSED: dict[str, tuple[str, str]] = {
    "nobody": ("", "services.opencoderouter.users is empty"),
    "root": ("users.root = { };", "would be root"),
    "one port": ("users.alice = { }; users.bob = { };", "a port of its own"),
    "password": ('users.alice.settings.password = "secret-word";', "OCR_PASSWORD="),
    "backend": (
        'users.alice.settings.backend = [ "a=http://me:secret-word@192.0.2.1:4096" ];',
        "OCR_BACKEND=",
    ),
    "password of dns": (
        'users.alice = { }; dns.settings.password = "secret-word";',
        "OCR_PASSWORD=",
    ),
    "file in the store": (
        "users.alice.settings.password_file = ./secret-word;",
        "password_file: name a file that is not in it",
    ),
    "key in the store": (
        'users.alice.settings.tls_key = "${builtins.storeDir}/secret-word";',
        "tls_key: name a file that is not in it",
    ),
    "made in the store": (
        'users.alice.settings.tls_key = (pkgs "x86_64-linux").git;',
        "tls_key: name a file that is not in it",
    ),
    "no token": (
        "users.alice = { }; dns.enable = true;",
        "ocr-router token create dns --read-only",
    ),
    "whose router": (
        f"users.alice = {{ }}; users.bob.settings.port = 8081; {DNS}",
        "dns.routerUser",
    ),
    "whose router, IPv6": (f'{DNS} dns.router = "https://[::1]:8443";', "dns.routerUser"),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=list(REFUSED))
def test_refused(nix: Nix, text: str, reason: str) -> None:
    """What cannot work, or would tell a secret, is refused with what to do; no secret is shown."""
    (message,) = nix.evaluate(machine(text) + ".failed")
    assert reason in message
    assert "secret-word" not in message


def test_taken(nix: Nix) -> None:
    """A file outside of the store may have a key; a certificate is no secret."""
    text = 'users.alice.settings = { tls_cert = ./cert.pem; tls_key = "/nix/key.pem"; };'
    assert nix.evaluate(machine(text) + ".failed") == []


MISTYPED: dict[str, tuple[str, str]] = {
    "no such option": ("users.alice.prot = 1;", "services.opencoderouter.users.alice.prot"),
    "no port": ("users.alice.settings.port = 70000;", "users.alice.settings.port"),
    "secret in the store": (
        "users.alice.environmentFile = /etc/hostname;",
        "users.alice.environmentFile",
    ),
}


@pytest.mark.parametrize(("text", "place"), MISTYPED.values(), ids=list(MISTYPED))
def test_types(nix: Nix, text: str, place: str) -> None:
    """An option that does not exist, or a value that it cannot have, is named."""
    assert place in nix.refusal(machine(text) + ".units")


def test_unknown_user(nix: Nix) -> None:
    """A user who is not of this NixOS may be of a directory service: that is a warning."""
    warnings = nix.evaluate(machine("users.carol = { };") + ".config.warnings")
    assert warnings == ["services.opencoderouter.users.carol: users.users has no such user."]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_the_units(nix: Nix, tmp_path: Path) -> None:
    """There is nothing that systemd has against them, but that it is too old for some key."""
    text = (
        'users.alice.projects = [ "/a b" ]; dns = { enable = true; environmentFile = "/run/t"; };'
    )
    units: dict[str, Any] = nix.evaluate(machine(text) + ".units")
    nix.build("default")
    for name, unit in units.items():
        (tmp_path / f"{name}.service").write_text(unit)
    names = [f"{name}.service" for name in units]
    command = ["systemd-analyze", "verify", "--man=no", *names]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    told = [line for line in ended.stderr.splitlines() if "opencoderouter" in line]
    assert [line for line in told if "Unknown key" not in line] == []
