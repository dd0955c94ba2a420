"""The real systemd-resolved on a host of the LAN.

Debian's package takes over the resolver of the machine that it is installed on. So ``.ci/run`` only
unpacks it, into a folder of the user's cache.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.rig.lan import Completed, Host
from tests.rig.wait import until

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
_ROOT = _CACHE / "opencoderouter-rig" / "systemd-resolved"
_DAEMON, _TOOL = _ROOT / "lib/systemd/systemd-resolved", _ROOT / "usr/bin/resolvectl"
_POLICY = _ROOT / "usr/share/dbus-1/system.d/org.freedesktop.resolve1.conf"
_USER = "systemd-resolve"
_ENTRY = f"{_USER}:x:991:991::/:/usr/sbin/nologin\n"
_STUB = "127.0.0.53"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The daemon, which runs on a host."""

    host: Host

    def ctl(self, *argv: object) -> Completed:
        """Run ``resolvectl``, whether it fails or not."""
        return self.host.call("env", _library(), _TOOL, *argv)

    def query(self, name: str, *options: str) -> set[str]:
        """Return the addresses of a name; none when it has none."""
        lines = self.ctl("query", "--legend=no", *options, name).stdout.splitlines()
        words = [line.removeprefix(f"{name}:").split() for line in lines]
        return {line[0] for line in words if line}


@contextmanager
def resolved(host: Host, *settings: str) -> Iterator[Resolved]:
    """Run it while the block lasts, and have the host's libc ask it.

    ``settings`` are lines of the section ``[Resolve]`` in resolved.conf(5).
    """
    _prepare(host, settings)
    bus = "dbus-daemon --system --nofork --nopidfile --print-address"
    with host.popen(*bus.split()) as dbus:
        dbus.says("unix:path=")
        with host.popen("env", _library(), _DAEMON) as daemon:
            made = Resolved(host)
            until(lambda: made.ctl("status").returncode == 0, what=daemon.log.read_text)
            host.resolves_by(_STUB, hosts="files dns")
            yield made
    host.resolves_by()


def _prepare(host: Host, settings: tuple[str, ...]) -> None:
    users = host.path("/etc/passwd")
    if f"\n{_USER}:" not in users.read_text():
        users.write_text(users.read_text() + _ENTRY)
        group = host.path("/etc/group")
        group.write_text(group.read_text() + f"{_USER}:x:991:\n")
    for folder in ("/etc/systemd", "/etc/dbus-1/system.d", "/run/systemd"):
        host.path(folder).mkdir(parents=True, exist_ok=True)
    shutil.copy(_POLICY, host.path("/etc/dbus-1/system.d"))
    text = "\n".join(["[Resolve]", "FallbackDNS=", "DNSSEC=no", "LLMNR=no", *settings, ""])
    host.path("/etc/systemd/resolved.conf").write_text(text)


def _library() -> str:
    """Return the environment in which it finds the library that came with it."""
    return f"LD_LIBRARY_PATH={next(_ROOT.glob('usr/lib/*/systemd'), '')}"


# For tests: @needs_resolved
needs_resolved = pytest.mark.skipif(
    not _DAEMON.exists(), reason=f"needs systemd-resolved, unpacked: {_ROOT}"
)
