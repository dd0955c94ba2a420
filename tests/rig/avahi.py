"""The real avahi-daemon on a host of the LAN, and what its tools say."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.rig.lan import Host, Process

_PARTS = "avahi-daemon avahi-browse avahi-resolve avahi-publish dbus-daemon".split()
_NSS = "libnss_mdns4_minimal.so.2"
_ESCAPED = re.compile(rb"\\([0-9]{3})")
_BUS = "unix:path=/run/dbus/system_bus_socket"
_CONFIG = """\
[server]
host-name={name}
allow-interfaces={interfaces}
ratelimit-burst=0
use-ipv4=yes
use-ipv6=yes
[wide-area]
enable-wide-area=no
[publish]
publish-hinfo=no
publish-workstation=no
[rlimits]
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A service as ``avahi-browse -rp`` shows it, for one interface and protocol."""

    protocol: str
    instance: str
    kind: str
    host: str
    address: str
    port: int
    txt: Mapping[str, str]


@contextmanager
def avahi(host: Host, *, interfaces: str = "eth0") -> Iterator[Process]:
    """Run the daemon and its bus while the block lasts; it has its name when the block begins."""
    config = host.path("/run/avahi.conf")
    config.write_text(_CONFIG.format(name=host.name, interfaces=interfaces))
    bus = "dbus-daemon --system --nofork --nopidfile --print-address"
    daemon = "avahi-daemon --no-drop-root --no-chroot --no-rlimits --file /run/avahi.conf"
    with host.popen(*bus.split()) as dbus:
        dbus.says(_BUS)
        with host.popen(*daemon.split()) as running:
            running.says("Server startup complete")
            yield running
            running.stop()


@contextmanager
def published(host: Host, name: str, address: str) -> Iterator[Process]:
    """Have a host's avahi-daemon know a name while the block lasts."""
    with host.popen("avahi-publish", "-a", "-R", name, address) as running:
        running.says("Established under name")
        yield running


def browse(host: Host, kind: str) -> list[Found]:
    """Return what ``avahi-browse`` finds on the network."""
    lines = host.run("avahi-browse", "--resolve", "--parsable", "--terminate", kind).splitlines()
    return [_found(line) for line in lines if line.startswith("=")]


def cached(host: Host, kind: str) -> set[str]:
    """Return the instances that a host's avahi-daemon knows of without asking."""
    lines = host.run("avahi-browse", "--parsable", "--cache", kind).splitlines()
    return {line.split(";")[3] for line in lines if line.startswith("+")}


def resolve(host: Host, name: str, *, family: int = 4) -> str:
    """Return the address that avahi finds for a name; nothing when it finds none."""
    done = host.call("avahi-resolve", f"-{family}", "-n", name)
    return done.stdout.split()[1] if done.stdout else ""


@cache
def why_no_avahi() -> str:
    """Return why there can be no avahi here; an empty string when there can."""
    missing = [name for name in _PARTS if not shutil.which(name)]
    if not any(Path("/usr/lib").glob(f"**/{_NSS}")):
        missing.append("libnss-mdns")
    return f"needs {', '.join(missing)}" if missing else ""


def _unescaped(text: str) -> str:
    """Return a text of which avahi shows octets by backslash and number."""
    octets = _ESCAPED.sub(lambda match: bytes([int(match[1])]), text.encode())
    return octets.decode()


def _found(line: str) -> Found:
    _, _, protocol, instance, kind, _, host, address, port, txt = line.split(";", 9)
    strings = txt.strip('"').split('" "') if txt else []
    pairs = dict(_unescaped(string).partition("=")[::2] for string in reversed(strings))
    return Found(protocol, instance, kind, host, address, int(port), pairs)
