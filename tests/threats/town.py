"""A LAN with a router that tells its names, somebody it knows, and somebody who lies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rig.announcer import Announcer, announcer
from tests.rig.lan import Host, lan
from tests.rig.router import COMMAND
from tests.rig.station import OWNER, PORT, Station, environment, starting
from tests.rig.tape import taping
from tests.rig.wait import until

ZONE = "dev.example.test"
# Of one link, behind a router of packets, and on the Internet (RFC 5737).
AFAR, ABROAD = "172.31.9.9", "198.51.100.9"
PROJECT = "shop"


@dataclass(frozen=True, slots=True)
class Town:
    """``router`` answers DNS, too, and passes other questions on to ``friend``.

    ``liar`` has the addresses ``AFAR`` and ``ABROAD``, too. ``overheard`` is what the router said
    by multicast until all its names were told.
    """

    router: Station
    friend: Host
    liar: Host
    friends: Announcer
    lies: Announcer
    overheard: str

    @property
    def dns(self) -> str:
        """Return the address of the router's DNS server."""
        return self.router.host.address

    @property
    def log(self) -> str:
        """Return what the router has logged."""
        return self.router.process.log.read_text()

    def run(self, *arguments: object) -> str:
        """Run ``ocr-router`` as the router's user; return what it prints."""
        host = self.router.host
        keys = [f"{name}={value}" for name, value in environment(host).items()]
        return host.run("env", "-i", *keys, COMMAND, *arguments)

    def dig(self, *question: str, by: Host | None = None, source: str = "") -> str:
        """Ask the router's DNS server, as the liar unless ``by`` somebody else; return it all."""
        bound = ["-b", source] if source else []
        options = "+qr +tries=1 +timeout=5 +nocookie".split()
        return (by or self.liar).call("dig", *bound, f"@{self.dns}", *question, *options).stdout

    def addresses(
        self, name: str, kind: str, *, by: Host | None = None, source: str = ""
    ) -> set[str]:
        """Return the addresses that the router's DNS server has for a name."""
        return set(self.dig(name, kind, "+short", "+noqr", by=by, source=source).split())

    def fetch(self, name: str, path: str = "/api/backends", *options: object) -> int:
        """Ask the router for something, as ``fetch`` does."""
        return fetch(self.router.host, name, path, *options)


@contextmanager
def town(folder: Path) -> Iterator[Town]:
    """Make it; all of it is gone when the block is left."""
    folder.mkdir()
    with ExitStack() as end:
        net = end.enter_context(lan(folder))
        home, friend, liar = (
            end.enter_context(net.host(*one)) for one in (("home", 1), ("friend", 2), ("liar", 6))
        )
        for address in (AFAR, ABROAD):
            liar.run("ip", "address", "add", f"{address}/32", "dev", "eth0")
            home.run("ip", "route", "add", address, "dev", "eth0")
        friends, lies = (
            end.enter_context(announcer(one.address, one.command)) for one in (friend, liar)
        )
        with taping(liar) as tape:
            router = end.enter_context(_router(home, friend))
            tape.hears(f"ocr-{OWNER}-home.local", "A")
            tape.hears(f"{PROJECT}-{OWNER}.local", "A")
            overheard = tape.process.log.read_text()
        yield Town(router, friend, liar, friends, lies, overheard)


@contextmanager
def _router(home: Host, friend: Host) -> Iterator[Station]:
    flags = {"--dns": f"{home.address}:53", "--dns-zone": ZONE, "--dns-forward": friend.address}
    project = home.folder / "home" / "private-matters" / PROJECT
    with starting(home, [project], flags) as made:
        until(made.answers, what=made.process.log.read_text)
        made.ready(project)
        yield made


def fetch(home: Host, name: str, path: str, *options: object) -> int:
    """Ask the router of a host by a name for something, as its user does; return the status."""
    fields = ("--header", f"Host: {name}:{PORT}", "--output", "/dev/null")
    asked = ("--silent", "--write-out", "%{http_code}", *fields, *options)
    return int(home.run("curl", *asked, f"http://127.0.0.1:{PORT}{path}"))


def counter(host: Host, kind: str, name: str) -> int:
    """Return a number that the kernel of a host counts (netstat's, RFC 1213)."""
    lines = [line.split() for line in host.run("cat", "/proc/net/snmp").splitlines()]
    names, values = (line for line in lines if line[0] == f"{kind}:")
    return int(values[names.index(name)])


def script(host: Host, source: str, *arguments: object) -> str:
    """Run a script of Python on a host; return what it prints."""
    return host.run(sys.executable, "-I", "-c", source, *arguments)
