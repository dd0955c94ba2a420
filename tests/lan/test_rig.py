"""The LAN of the tests is one."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.rig.avahi import avahi, browse, cached, published, resolve
from tests.rig.lan import NETWORK, Host
from tests.rig.wait import until

_HOLD = """
import os
import sys
from pathlib import Path
from tests.rig.avahi import avahi
from tests.rig.lan import lan
with lan(Path(sys.argv[1])) as net, net.host("held", 7) as host, avahi(host):
    print(os.readlink(f"/proc/{host.pid}/ns/net"), flush=True)
    sys.stdin.read()
"""


def test_hosts_have_their_own(one: Host, two: Host) -> None:
    """Each host has a name, addresses, /run and /etc that no other has, nor this machine."""
    assert [host.run("hostname").strip() for host in (one, two)] == ["one", "two"]
    one.path("/etc/mine").write_text("x")
    one.path("/run/mine").write_text("x")
    assert one.run("cat", "/etc/mine", "/run/mine") == "xx"
    assert two.call("cat", "/etc/mine").returncode == 1
    assert two.call("cat", "/run/mine").returncode == 1
    assert not Path("/etc/mine").exists()
    assert NETWORK not in subprocess.run(["ip", "address"], check=True, stdout=-1, text=True).stdout


def test_hosts_reach_each_other(one: Host, two: Host) -> None:
    """By IPv4 and by IPv6, and at once."""
    server = (sys.executable, "-m", "http.server", "8000", "--bind", "::", "--directory", "/run")
    two.path("/run/greeting").write_text("hello")
    with two.popen(*server):
        until(lambda: two.call("curl", "-s", "localhost:8000").returncode == 0)
        for address in (two.address, f"[{two.address6}]"):
            assert one.curl(f"http://{address}:8000/greeting") == "hello"


def test_avahi_hears_avahi(one: Host, visitor: Host) -> None:
    """A name and a service of one host's avahi are seen by another's, and by its libc."""
    with avahi(one), published(one, "thing.local", one.address):
        assert resolve(visitor, "thing.local") == one.address
        assert visitor.getent("hosts", "thing.local") == {one.address}
        assert resolve(visitor, "one.local", family=6) == one.address6
        service = ("avahi-publish", "-s", "A; name", "_opencode._tcp", "8080", "a=1", "b=x y")
        with one.popen(*service) as publisher:
            publisher.says("Established under name")
            found = browse(visitor, "_opencode._tcp")
            assert {(item.host, item.port) for item in found} == {("one.local", 8080)}
            assert {item.protocol for item in found} == {"IPv4", "IPv6"}
            assert found[0].txt == {"a": "1", "b": "x y"}
            assert one.address in {item.address for item in found}
        until(lambda: not cached(visitor, "_opencode._tcp"))


def test_nothing_is_left(tmp_path: Path) -> None:
    """Namespaces and programs are gone with the tests, even when these are killed."""
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout is not None
        space = holder.stdout.readline().strip()
        names = _running(space)
        assert {"avahi-daemon", "dbus-daemon", "sh"} <= names
        holder.kill()
    until(lambda: not _running(space), what=lambda: _running(space))


def _running(space: str) -> set[str]:
    """Return the names of the programs in a network namespace."""
    names = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str((process / "ns/net").readlink()) == space:
                names.add((process / "comm").read_text().strip())
    return names
