"""Our reading of known hosts against that of ``ssh-keygen -F``, and our verdicts against ssh's."""

from __future__ import annotations

import base64
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rig.sshd import Sshd, sshd

from opencoderouter.core.fleet.model import Resolved
from opencoderouter.fleet.known_hosts import Key, KnownHosts, Verdict
from opencoderouter.fleet.resolve import parsed

HOSTS = ("web", "web.example", "a.b", "10.0.0.1", "::1", "x-1", "WEB2")
PORTS = (22, 2222)
PATTERNS = ("*", "?", "w*", "*.example", "10.0.0.?", "[*", "*]:2222", "[web]:*", "x-[0-9]")


def name_of(host: str, port: int) -> str:
    """Return the name that ssh looks for."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


NAMES = tuple(name_of(host, port) for host in HOSTS for port in PORTS)


def key(number: int) -> str:
    """Return a key that ssh can read."""
    kind = b"ssh-ed25519"
    parts = (kind, number.to_bytes(32, "big"))
    octets = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"ssh-ed25519 {base64.b64encode(octets).decode()}"


def line(chance: random.Random, number: int) -> str:
    """Return a line about some hosts, sometimes marked, or a comment."""
    several = chance.choices((*NAMES, *PATTERNS, *(host.upper() for host in HOSTS)), k=3)
    names = ",".join(chance.choice(("", "", "!")) + name for name in several)
    before = chance.choice(("", "", "", " ", "@revoked ", "@cert-authority ", "#"))
    between = chance.choice((" ", "\t", "  "))
    return f"{before}{names}{between}{key(number)}{chance.choice(('', ' me@there', '  # x'))}"


def found_by_ssh(path: Path, name: str) -> set[str]:
    """Return the keys that ``ssh-keygen`` finds."""
    command = ["ssh-keygen", "-F", name, "-f", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return set(re.findall(r"AAAA[A-Za-z0-9+/=]+", done.stdout))


def found_by_us(hosts: KnownHosts, path: Path, host: str, port: int) -> tuple[Key, ...]:
    """Return the keys that we find."""
    options = {"userknownhostsfile": (str(path),)}
    return hosts.of(Resolved("alias", host, "me", port, options=options)).keys


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("hashed", [False, True])
def test_as_ssh(tmp_path: Path, seed: int, *, hashed: bool) -> None:
    """For every name both find the same keys, hashed or not."""
    chance, path = random.Random(seed), tmp_path / "known_hosts"  # noqa: S311 - no secret
    path.write_text("".join(f"{line(chance, number)}\n" for number in range(40)))
    if hashed:
        command = ["ssh-keygen", "-q", "-H", "-f", str(path)]
        subprocess.run(command, capture_output=True, check=True)
    hosts, total = KnownHosts(), 0
    for host, port in ((host, port) for host in HOSTS for port in PORTS):
        ours = {encoded for _, encoded in found_by_us(hosts, path, host, port)}
        assert ours == found_by_ssh(path, name_of(host, port)), (host, port)
        total += len(ours)
    assert total > 20
    if hashed:
        assert "|1|" in path.read_text()


@pytest.fixture(name="server", scope="module")
def run_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Run a real server, with one key."""
    with sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


def of_ssh(config: Path) -> Verdict:
    """Return what ssh itself makes of the server's key."""
    command = ["ssh", "-F", str(config), "-o", "StrictHostKeyChecking=yes", "--", "box", "true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return Verdict.KNOWN
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr:
        return Verdict.CHANGED
    assert "host key is known for" in done.stderr, done.stderr
    return Verdict.UNKNOWN


def of_ours(server: Sshd, config: Path) -> Verdict:
    """Return what we make of it."""
    command = ["ssh", "-F", str(config), "-G", "--", "box"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    resolved = parsed("box", printed)
    assert resolved is not None
    known = KnownHosts().of(resolved)
    assert known.needs_ssh == ""
    kind, encoded, *_ = (server.folder / "host_key.pub").read_text().split()
    return known.verdict(kind, encoded)


@pytest.mark.sshd
@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (("{ported} {right}", "", ""), Verdict.KNOWN),
        (("", "{ported} {right}", ""), Verdict.KNOWN),
        (("{host} {right}", "", ""), Verdict.KNOWN),
        (("{ported} {wrong}\n{ported} {right}", "", ""), Verdict.KNOWN),
        (("{ported} {wrong}", "{ported} {right}", ""), Verdict.KNOWN),
        (("alias {right}", "", "HostKeyAlias ALIAS"), Verdict.KNOWN),
        (("", "", ""), Verdict.UNKNOWN),
        (("{host} {wrong}", "", ""), Verdict.UNKNOWN),
        (("other {right}", "", ""), Verdict.UNKNOWN),
        (("{ported},!{ported} {right}", "", ""), Verdict.UNKNOWN),
        (("{ported} {right}", "", "HostKeyAlias alias"), Verdict.UNKNOWN),
        (("{ported} {wrong}", "", ""), Verdict.CHANGED),
        (("{ported} {rsa}", "", ""), Verdict.CHANGED),
        (("{ported} {wrong}\n{host} {right}", "", ""), Verdict.CHANGED),
        (("{host} {right}", "{ported} {wrong}", ""), Verdict.CHANGED),
        (("alias {wrong}\n{ported} {right}", "", "HostKeyAlias alias"), Verdict.CHANGED),
        (("{ported} ssh-ed25519 AAAA", "", ""), Verdict.UNKNOWN),
        (("[127.0.0.1]:1 {wrong}", "", ""), Verdict.UNKNOWN),
    ],
)
def test_verdicts(
    server: Sshd, tmp_path: Path, rsa: str, case: tuple[str, str, str], expected: Verdict
) -> None:
    """We say of the key of a real server what ssh says, whatever the files have, and where."""
    user, machine, option = case
    values = {
        "host": "127.0.0.1",
        "ported": f"[127.0.0.1]:{server.port}",
        "right": (server.folder / "host_key.pub").read_text().strip(),
        "wrong": key(7),
        "rsa": rsa,
    }
    (tmp_path / "user").write_text(user.format(**values) + "\n")
    (tmp_path / "machine").write_text(machine.format(**values) + "\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", tmp_path / "user"], check=False)
    server.configure(
        f"Host box\n    UserKnownHostsFile {tmp_path}/user\n"
        f"    GlobalKnownHostsFile {tmp_path}/machine\n    {option}\n"
        "    KexAlgorithms curve25519-sha256\n"  # half the time
    )
    config = server.folder / "config"
    assert of_ours(server, config) is expected
    assert of_ssh(config) is expected


@pytest.fixture(name="rsa", scope="module")
def make_rsa(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a key of another type."""
    path = tmp_path_factory.mktemp("rsa") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", path], check=True)
    return path.with_suffix(".pub").read_text().strip()
