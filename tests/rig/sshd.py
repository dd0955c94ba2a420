"""A real SSH server on loopback, with keys of its own, and a client that trusts it."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rig.ports import free_port
from tests.rig.wait import until

SSHD = "/usr/sbin/sshd"
USER = getpass.getuser()


@dataclass(frozen=True, slots=True)
class Sshd:
    """A running server. ``bin`` holds an ``ssh`` that knows how to reach it."""

    port: int
    folder: Path

    @property
    def bin(self) -> Path:
        """Return the folder for the front of PATH."""
        return self.folder / "bin"

    def configure(self, text: str) -> None:
        """Make ``text`` the client's configuration, before what the rig adds for every host."""
        common = {
            "Port": self.port,
            "IdentityFile": self.folder / "key",
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.folder / "known_hosts",
            "BatchMode": "yes",
        }
        tail = "".join(f"    {key} {value}\n" for key, value in common.items())
        (self.folder / "config").write_text(f"{text}\nHost *\n    HostName 127.0.0.1\n{tail}")


@contextmanager
def sshd(folder: Path) -> Iterator[Sshd]:
    """Run a server for the user of the tests; it answers when the block begins."""
    server = Sshd(free_port(), folder)
    _write_files(server)
    server.configure("")
    command = [SSHD, "-D", "-f", str(folder / "sshd_config"), "-E", str(folder / "log")]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            _wait(server, process)
            yield server
        finally:
            process.terminate()


def _write_files(server: Sshd) -> None:
    folder = server.folder
    for name in ("host_key", "key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    host = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {host}")
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{server.port}\n"
        f"HostKey {folder}/host_key\n"
        f"AuthorizedKeysFile {folder}/key.pub\n"
        "PidFile none\nStrictModes no\nUsePAM no\nUseDNS no\nPermitRootLogin yes\n"
        "SetEnv SHLVL=1\n"  # bash does not take itself for a login's, and reads no .bashrc
    )
    server.bin.mkdir()
    ssh = server.bin / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {folder}/config "$@"\n')
    ssh.chmod(0o755)
    if os.geteuid() == 0:  # sshd of Debian wants it, whoever is to log in
        Path("/run/sshd").mkdir(exist_ok=True)


def _wait(server: Sshd, process: subprocess.Popen[bytes]) -> None:
    def answers() -> bool:
        assert process.poll() is None, (server.folder / "log").read_text()
        command = [str(server.bin / "ssh"), "devbox", "true"]
        return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode == 0

    until(answers, within=30, what=(server.folder / "log").read_text)
