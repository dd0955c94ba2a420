"""A hundred SSH servers on loopback that differ in their host keys only."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.machine import free_port

_SSHD = "/usr/sbin/sshd"


@dataclass(frozen=True, slots=True)
class Sshds:
    """The servers while they run. ``config`` is for ``ssh -F``."""

    config: Path
    aliases: tuple[str, ...]


@contextmanager
def sshds(folder: Path, number: int, hanging: int = 0) -> Iterator[Sshds]:
    """Run ``number`` servers, and as many more that accept and never speak as ``hanging`` says.

    Needs root. Root's shell is /bin/sh there: what a login costs is not what its profile costs.
    """
    ports = {f"h{one:03}": free_port() for one in range(number)}
    silent = {f"mute{one}": free_port() for one in range(hanging)}
    _keys(folder, list(ports))
    for name, port in ports.items():
        (folder / f"{name}.conf").write_text(_server(folder, name, port))
    _client(folder, ports | silent)
    mute = ["python3", "-c", _MUTE, *map(str, silent.values())]
    hold = "unshare --mount --pid --fork --kill-child --mount-proc sh -c".split()
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(mute, stdin=pipe) as muted,
        subprocess.Popen([*hold, _inner(folder)], stdin=pipe, stdout=pipe) as servers,
    ):
        try:
            if not servers.stdout or servers.stdout.readline() != b"ready\n":
                raise RuntimeError("the SSH servers did not start")
            yield Sshds(folder / "config", (*ports, *silent))
        finally:
            muted.kill()
            servers.kill()


_MUTE = """
import socket, sys
servers = [socket.create_server(("127.0.0.1", int(port)), backlog=200) for port in sys.argv[1:]]
sys.stdin.read()
"""


def _keys(folder: Path, names: list[str]) -> None:
    for name in ("id", *names):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)


def _server(folder: Path, name: str, port: int) -> str:
    return (
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/{name}\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/id.pub\nStrictModes no\nUsePAM no\nUseDNS no\n"
        "PermitRootLogin yes\nPrintMotd no\nPrintLastLog no\nMaxStartups 100:30:300\n"
    )


def _client(folder: Path, ports: dict[str, int]) -> None:
    known, config = [], []
    for name, port in ports.items():
        config.append(f"Host {name}\n    Port {port}\n")
        if (public := folder / f"{name}.pub").exists():
            known.append(f"[127.0.0.1]:{port} {public.read_text()}")
    config.append(
        f"Host *\n    HostName 127.0.0.1\n    User root\n    IdentityFile {folder}/id\n"
        f"    IdentitiesOnly yes\n    UserKnownHostsFile {folder}/known_hosts\n"
        "    GlobalKnownHostsFile none\n    ConnectTimeout 10\n"
    )
    (folder / "known_hosts").write_text("".join(known))
    (folder / "config").write_text("".join(config))


def _inner(folder: Path) -> str:
    return f"""
    set -eu
    mount --make-rprivate /
    sed 's|^\\(root:.*:\\)[^:]*$|\\1/bin/sh|' /etc/passwd >{folder}/passwd
    mount --bind {folder}/passwd /etc/passwd
    mkdir -p /run/sshd
    for conf in {folder}/*.conf; do {_SSHD} -f "$conf" -E {folder}/log; done
    echo ready
    exec cat
    """
