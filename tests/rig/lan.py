"""A LAN on one machine: hosts with a network, mounts and a name of their own, joined by a switch.

Nothing of it is in the network of this machine, so that no packet gets out. All of it is gone when
the block is left, and when the tests are killed: children of the tests hold the namespaces, and end
what runs there when nobody holds the other end of their input any more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.rig.wait import until

Completed = subprocess.CompletedProcess[str]
NETWORK, NETWORK6 = "10.77.0", "fd00:77:"
# How a fresh Debian with libnss-mdns looks up hosts (nsswitch.conf(5)).
DEBIAN = "files mdns4_minimal [NOTFOUND=return] dns"
_HOSTS = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n"
_TOOLS = "ip unshare nsenter mount curl getent".split()
_LONGEST = 60  # seconds that a program may take which is waited for
# /run has the sockets of daemons; /etc can be written to, and the machine's own stays as it is.
# IPv6 addresses are usable at once, without asking whether somebody else has them.
_MEMBER = """
hostname "$1"
mount -t tmpfs tmpfs /run
mkdir -p /run/etc /run/work /run/dbus /run/avahi-daemon
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/work /etc
echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
echo 1 >/proc/sys/net/ipv6/conf/all/keep_addr_on_down
ip link set lo up
"""
_SWITCH = """
ip link add br0 type bridge mcast_snooping 0 forward_delay 0
ip link set br0 up
"""
_HOLD = """
set -e
[ ! /proc/$$/ns/net -ef /proc/$PPID/ns/net ]  # what is killed below is not with the tests
{script}
echo ready
cat
found=yes
while [ "$found" ]; do
  found=
  for other in /proc/[0-9]*; do
    [ "$other" != /proc/$$ ] && [ "$other/ns/net" -ef /proc/$$/ns/net ] || continue
    kill -9 "${{other#/proc/}}" && found=yes
  done
done
"""


@dataclass(frozen=True, slots=True)
class Host:
    """A machine on the LAN. ``folder`` is for what its programs say."""

    name: str
    number: int
    pid: int
    folder: Path

    @property
    def address(self) -> str:
        """Return its IPv4 address."""
        return f"{NETWORK}.{self.number}"

    @property
    def address6(self) -> str:
        """Return its IPv6 address, which is unique-local."""
        return f"{NETWORK6}:{self.number}"

    @property
    def addresses(self) -> set[str]:
        """Return both."""
        return {self.address, self.address6}

    def command(self, *argv: object) -> list[str]:
        """Return the command line that runs a program here."""
        enter = f"nsenter --target {self.pid} --mount --net --uts --wd={Path.cwd()} --"
        return [*enter.split(), *map(str, argv)]

    def call(self, *argv: object) -> Completed:
        """Run a program to its end, whether it fails or not."""
        return subprocess.run(
            self.command(*argv),
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST,
        )

    def run(self, *argv: object) -> str:
        """Run a program to its end, and return what it said; it must not fail."""
        done = self.call(*argv)
        assert done.returncode == 0, (self.name, argv, done)
        return done.stdout

    @contextmanager
    def popen(
        self, *argv: object, environment: Mapping[str, str] | None = None
    ) -> Iterator[Process]:
        """Run a program while the block lasts; it is killed at its end, if it still runs."""
        handle, name = tempfile.mkstemp(prefix=f"{Path(str(argv[0])).name}-", dir=self.folder)
        with os.fdopen(handle, "wb") as log:
            child = subprocess.Popen(
                self.command(*argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
            )
        try:
            yield Process(child, Path(name))
        finally:
            child.kill()
            child.wait()

    def path(self, path: str) -> Path:
        """Return where a file of this host is, for who is not on it."""
        return Path(f"/proc/{self.pid}/root{path}")

    def resolves_by(self, *servers: str, hosts: str = DEBIAN) -> None:
        """Have this host's libc look up ``hosts`` so, and ask these name servers."""
        lines = [f"nameserver {server}\n" for server in servers]
        self.path("/etc/resolv.conf").write_text("".join([*lines, "options attempts:1\n"]))
        self.path("/etc/nsswitch.conf").write_text(f"passwd: files\nhosts: {hosts}\n")

    def getent(self, database: str, name: str) -> set[str]:
        """Return the addresses that this host's libc has for a name, without zone."""
        lines = self.call("getent", database, name).stdout.splitlines()
        return {line.split()[0].partition("%")[0] for line in lines}

    def curl(self, url: str, *options: object) -> str:
        """Return what a URL answers; it must answer."""
        return self.run("curl", "--silent", "--show-error", "--fail-with-body", *options, url)


@dataclass(frozen=True, slots=True)
class Process:
    """A program that runs on a host, and what it has said."""

    child: subprocess.Popen[bytes]
    log: Path

    def says(self, text: str) -> None:
        """Return when it has said this."""

        def probe() -> bool:
            said = text in self.log.read_text()
            assert said or self.child.poll() is None, self.log.read_text()
            return said

        until(probe, every=0.02, what=self.log.read_text)

    def stop(self) -> int:
        """End it by SIGTERM; return its exit code."""
        self.child.terminate()
        return self.child.wait(_LONGEST)

    def kill(self) -> None:
        """End it without giving it time for anything."""
        self.child.kill()
        self.child.wait()


@dataclass(frozen=True, slots=True)
class Lan:
    """A switch that hosts are plugged in. ``folder`` is for what their programs say."""

    pid: int
    folder: Path

    def command(self, *argv: object) -> list[str]:
        """Return the command line that runs a program in the switch."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", *map(str, argv)]

    def cable(self, host: Host, end: str = "eth0") -> None:
        """Lay a cable to a host, which has no address there yet."""
        port = f"{end}-{host.number}"
        peer = f"peer name {end} netns {host.pid}".split()
        _do(*self.command("ip", "link", "add", port, "type", "veth", *peer))
        _do(*self.command("ip", "link", "set", port, "master", "br0", "up"))

    @contextmanager
    def host(self, name: str, number: int) -> Iterator[Host]:
        """Plug in a host while the block lasts. ``number`` is the last part of its addresses."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        with _held("--mount --uts --propagation private", _MEMBER, name) as pid:
            host = Host(name, number, pid, folder)
            self.cable(host)
            host.run("ip", "address", "add", f"{host.address}/24", "dev", "eth0")
            host.run("ip", "address", "add", f"{host.address6}/64", "dev", "eth0")
            host.run("ip", "link", "set", "eth0", "up")
            host.path("/etc/hosts").write_text(_HOSTS)
            host.resolves_by()
            yield host


@contextmanager
def lan(folder: Path) -> Iterator[Lan]:
    """Make a LAN without hosts."""
    with _held("", _SWITCH) as pid:
        yield Lan(pid, folder)


@cache
def why_no_lan() -> str:
    """Return why there can be no LAN here; an empty string when there can."""
    if missing := [name for name in _TOOLS if not shutil.which(name)]:
        return f"needs {', '.join(missing)}"
    try:
        with tempfile.TemporaryDirectory() as folder, lan(Path(folder)) as net, net.host("a", 1):
            return ""
    except (subprocess.CalledProcessError, AssertionError, OSError):
        return "needs root, and the right to make namespaces and to mount"


@contextmanager
def _held(kinds: str, script: str, *arguments: str) -> Iterator[int]:
    """Make namespaces, a network among them; yield the process that holds them."""
    hold = ["sh", "-c", _HOLD.format(script=script), "sh", *arguments]
    with subprocess.Popen(
        ["unshare", "--net", *kinds.split(), *hold],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the tests: it sees that they have ended
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"ready\n"
        yield holder.pid


def _do(*command: str) -> None:
    subprocess.run(command, check=True, stderr=subprocess.PIPE)
