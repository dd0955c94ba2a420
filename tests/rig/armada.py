"""A fleet of real SSH servers on loopback, each odd in its own way, with accounts of its own.

They run in a mount and a process namespace: accounts, homes and what the tests start there end with
the block. The network is that of the tests, so a client needs nothing but the configuration.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig.ports import free_port
from tests.rig.ships import PASSPHRASE, PASSWORD, SHIPS, USERS, Ship
from tests.rig.wait import until

_TOOLS = (
    "unshare nsenter setpriv mount ssh ssh-agent ssh-add ssh-keygen openssl git opencode".split()
)
_FIRST_UID = 31_000
_MUTE = """
import socket, sys, threading
def hold(port, word):
    with socket.create_server(("127.0.0.1", port), backlog=200) as server:
        held = []
        while True:
            one, _ = server.accept()
            if word is None:
                one.close()
                continue
            one.sendall(word)
            held.append(one)
words = {"mute": b"", "halfmute": b"SSH-2.0-Half_1.0\\r\\n", "closing": None}
for name, port in (one.split("=") for one in sys.argv[1:]):
    threading.Thread(target=hold, args=(int(port), words[name])).start()
"""
# The first process there: who ends is gone at once, nobody waits for it.
_REAP = "import signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); sys.stdin.read()"


@dataclass(frozen=True, slots=True)
class Armada:
    """The fleet while it runs. ``config`` is for ``ssh -F``; ``agent`` is an agent's socket."""

    folder: Path
    config: Path
    agent: Path
    ports: Mapping[str, int]
    holder: int = field(repr=False)

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return all hosts."""
        return tuple(SHIPS)

    @property
    def environment(self) -> dict[str, str]:
        """Return what a client runs with."""
        return {**os.environ, "SSH_AUTH_SOCK": str(self.agent), "LC_ALL": "C.UTF-8"}

    def inside(self, user: str, script: str, *, timeout: float = 60) -> str:
        """Return what a shell script says that runs there as ``user``, in its home."""
        done = subprocess.run(
            self.argv(user, ["/bin/sh", "-euc", f"cd; {script}"]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
        return done.stdout

    def argv(self, user: str, argv: Sequence[str]) -> list[str]:
        """Return the command line that runs ``argv`` there as ``user``."""
        enter = f"nsenter --target {self.holder} --mount --pid --wd=/ --".split()
        become = f"setpriv --reuid={user} --regid={user} --init-groups --reset-env env".split()
        return [*enter, *become, *quiet(), *argv]

    def ssh(self, alias: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Return what OpenSSH itself makes of a host; code 124 when it makes nothing for 30 s."""
        limit = ["timeout", "30", "ssh", "-F", str(self.config), "-o", "BatchMode=yes"]
        return subprocess.run(
            [*limit, "--", alias, *arguments],
            env={**self.environment, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def quiet() -> list[str]:
    """Return what keeps OpenCode from looking for the Internet, as NAME=VALUE."""
    names = "AUTOUPDATE MODELS_FETCH LSP_DOWNLOAD DEFAULT_PLUGINS".split()
    return [f"OPENCODE_DISABLE_{name}=1" for name in names]


def why_no_armada() -> str:
    """Return why there can be none here, or nothing."""
    if os.geteuid() != 0:
        return "needs root: accounts of its own"
    missing = [name for name in _TOOLS if not shutil.which(name)]
    missing += [] if Path("/usr/sbin/sshd").exists() else ["/usr/sbin/sshd"]
    return f"needs {', '.join(missing)}" if missing else ""


@contextmanager
def armada(folder: Path) -> Iterator[Armada]:
    """Run all of them; they listen when the block begins. Takes about two seconds."""
    folder.chmod(0o700)
    ports = {name: free_port() for name in SHIPS}
    _make_keys(folder)
    for name, ship in SHIPS.items():
        _write_server(folder, name, ship, ports[name])
    _write_known_hosts(folder, ports)
    _write_accounts(folder)
    config = _write_client(folder, ports)
    with ExitStack() as end:
        agent = end.enter_context(_agent(folder))
        holder = end.enter_context(_servers(folder, ports))
        yield Armada(folder, config, agent, ports, holder)


def _make_keys(folder: Path) -> None:
    for name in ("id", "certified", "stranger", "offered", "user_ca", "host_ca", "other"):
        _keygen("-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name))
    _keygen("-t", "ed25519", "-N", PASSPHRASE, "-C", "locked", "-f", str(folder / "locked"))
    user = ("-I", "user", "-n", ",".join(USERS), "-s", str(folder / "user_ca"))
    _keygen(*user, str(folder / "certified.pub"))


def _write_server(folder: Path, name: str, ship: Ship, port: int) -> None:
    if ship.server is None:
        return
    etc = folder / "etc"
    etc.mkdir(exist_ok=True)
    kinds = {"ed25519": "", "rsa": "-rsa"} if ship.known == "rsa" else {"ed25519": ""}
    for kind, end in kinds.items():
        _keygen("-t", kind, "-N", "", "-C", name, "-f", str(etc / f"{name}{end}"))
    if ship.known == "ca":
        ca = ("-h", "-I", name, "-n", "127.0.0.1", "-s", str(folder / "host_ca"))
        _keygen(*ca, str(etc / f"{name}.pub"))
    shutil.copy(folder / "user_ca.pub", etc)
    (etc / "banner").write_text("Authorized use only.\n\x1b[31mRed alert\x1b[0m\n")
    lines = [
        f"ListenAddress 127.0.0.1:{port}",
        *(f"HostKey {etc}/{name}{end}" for end in kinds.values()),
        "PidFile none",
        f"AuthorizedKeysFile {'none' if name == 'certificate' else '/run/armada/keys'}",
        "StrictModes no",
        "UseDNS no",
        "PrintMotd no",
        "LogLevel VERBOSE",
        f"SetEnv {' '.join(quiet())}",
        *(line.format(etc=etc) for line in ship.server),
        *(() if "UsePAM yes" in ship.server else ("UsePAM no",)),
        *(
            ()
            if any("MaxStartups" in line for line in ship.server)
            else ("MaxStartups 100:30:300",)
        ),
    ]
    (etc / f"{name}.conf").write_text("\n".join(lines) + "\n")


def _write_known_hosts(folder: Path, ports: Mapping[str, int]) -> None:
    plain = folder / "known_hosts"
    hashed = folder / "hashed_hosts"
    for name, ship in SHIPS.items():
        if ship.server is None or ship.known == "none":
            continue
        where = f"[127.0.0.1]:{ports[name]}"
        key = _public(folder / "etc" / (f"{name}-rsa" if ship.known == "rsa" else name))
        line = {
            "other": f"{where} {_public(folder / 'other')}",
            "alias": f"some-other-name {key}",
            "wildcard": f"[127.0.0.?]:{ports[name]} {key}",
            "ca": f"@cert-authority {where} {_public(folder / 'host_ca')}",
            "revoked": f"@revoked {where} {key}",
        }.get(ship.known, f"{where} {key}")
        with (hashed if ship.known == "hashed" else plain).open("a") as file:
            file.write(f"{line}\n")
    _keygen("-H", "-f", str(hashed))
    plain.write_text(f"{plain.read_text()}# a comment\n\n{hashed.read_text()}")


def _write_client(folder: Path, ports: Mapping[str, int]) -> Path:
    config = folder / "config"
    blocks = []
    for name, ship in SHIPS.items():
        lines = [*(line.format(config=config, folder=folder) for line in ship.client)]
        lines += [f"Port {ports[name]}", f"User {ship.user}"]
        lines += [f"IdentityFile {folder}/{ship.key}", "IdentitiesOnly yes"] if ship.key else []
        blocks.append(f"Host {name}\n" + textwrap.indent("\n".join(lines), "    "))
    common = (
        f"HostName 127.0.0.1\nUserKnownHostsFile {folder}/known_hosts\n"
        "GlobalKnownHostsFile none\nUpdateHostKeys no\nConnectTimeout 20\n"
    )
    blocks.append("Host *\n" + textwrap.indent(common, "    "))
    config.write_text("\n\n".join(blocks))
    return config


def _write_accounts(folder: Path) -> None:
    """Copy the machine's accounts, and add ours to the copies."""
    command = ["openssl", "passwd", "-6", PASSWORD]
    secret = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    extra: dict[str, list[str]] = {"passwd": [], "shadow": [], "group": []}
    for uid, (name, shell) in enumerate(USERS.items(), _FIRST_UID):
        extra["passwd"].append(f"{name}:x:{uid}:{uid}::/home/{name}:{shell}")
        extra["shadow"].append(f"{name}:{secret}:19000:0:99999:7:::")
        extra["group"].append(f"{name}:x:{uid}:")
    for file, lines in extra.items():
        copy = folder / file
        copy.write_text("\n".join([Path(f"/etc/{file}").read_text().rstrip("\n"), *lines]) + "\n")
        copy.chmod(0o600 if file == "shadow" else 0o644)


def _inner(folder: Path) -> str:
    """Return the script that makes the namespaces what they should be, and then waits."""
    real = Path(shutil.which("opencode") or "").resolve()
    package = real.parent.parent
    users = " ".join(USERS)
    keys = "id offered"
    return f"""
    set -eu
    mount --make-rprivate /
    for file in passwd shadow group; do mount --bind {folder}/$file /etc/$file; done
    mount -t tmpfs -o mode=755 tmpfs /home
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir -p /run/sshd /run/armada/opencode
    mount --bind {package} /run/armada/opencode
    mount --bind /dev/null {real}
    for key in {keys} locked; do cat {folder}/$key.pub; done >/run/armada/keys
    chmod 644 /run/armada/keys
    for user in {users}; do
        mkdir -p /home/$user/.opencode/bin
        case $user in
            dave) rmdir /home/$user/.opencode/bin /home/$user/.opencode;;
            erin) printf '#!/bin/sh\\necho "Segmentation fault"; exit 1\\n' \\
                >/home/$user/.opencode/bin/opencode; chmod 755 /home/$user/.opencode/bin/opencode;;
            *) ln -s /run/armada/opencode/bin/{real.name} /home/$user/.opencode/bin/opencode;;
        esac
        printf '[user]\\n\\tname = %s\\n\\temail = %s@example.test\\n' $user $user \\
            >/home/$user/.gitconfig
        chown -R $user:$user /home/$user
    done
    printf 'echo "Welcome to $(hostname)"\\nprintf "\\\\033[2J{{\\\\"not\\\\": json"\\n' \\
        >/home/frank/.bashrc
    for conf in {folder}/etc/*.conf; do
        /usr/sbin/sshd -f "$conf" -E "${{conf%.conf}}.log"
    done
    echo ready
    exec {sys.executable} -c '{_REAP}'
    """


@contextmanager
def _servers(folder: Path, ports: Mapping[str, int]) -> Iterator[int]:
    hold = "unshare --mount --pid --fork --kill-child --mount-proc --".split()
    silent = ["mute", "halfmute", "closing"]
    mutes = [sys.executable, "-c", _MUTE, *(f"{name}={ports[name]}" for name in silent)]
    with (
        subprocess.Popen(mutes, stdin=subprocess.DEVNULL) as mute,
        subprocess.Popen(
            [*hold, "/bin/sh", "-c", _inner(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
        ) as unshare,
    ):
        try:
            assert unshare.stdout is not None
            assert unshare.stdout.readline() == b"ready\n"
            children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children")
            yield int(children.read_text().split()[0])
        finally:
            mute.kill()
            unshare.kill()


@contextmanager
def _agent(folder: Path) -> Iterator[Path]:
    socket = folder / "agent"
    command = ["ssh-agent", "-D", "-a", str(socket)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            until(socket.exists)
            environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
            add = ["ssh-add", "-q", str(folder / "offered")]
            subprocess.run(add, env=environment, check=True)
            yield socket
        finally:
            process.kill()


def _public(key: Path) -> str:
    return " ".join(key.with_name(f"{key.name}.pub").read_text().split()[:2])


def _keygen(*arguments: str) -> None:
    command = ["ssh-keygen", *(() if arguments[0] == "-H" else ("-q",)), *arguments]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
