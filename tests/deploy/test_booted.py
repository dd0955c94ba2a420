"""The units of deploy/systemd, started by real systemd as a user or an administrator does it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.rig.booted import UID, Machine, needs_systemd
from tests.rig.http import Json
from tests.rig.wait import until

pytestmark = needs_systemd
_ADDRESS = "198.18.0.1"  # of tests/rig/boot.sh
_DIG = "dig +short @127.0.0.1 shop-alice.local A"
_OUTSIDE = "cd ~/shop && ~/.opencode/bin/opencode serve --port 30900"
_SYSTEM, _DNS = "opencoderouter@alice.service", "opencoderouter-dns.service"
# An agent of alice's with another group, whose tool asks the router.
_AGENT = """setpriv --reuid alice --regid 5000 --clear-groups bash -c 'exec -a opencode bash -c "
    curl -so /dev/null -w %{http_code} http://127.0.0.1:8081/api/backends; true"'"""
# Writes into the home: an interface, which netlink tells; root's first process, which is seen; the
# user's service manager, which must not be; and whether rights can be gained.
_LOOK = """[Service]
ExecStartPost=/bin/sh -c 'exec >~/looked; ip -br link show lo | cut -c-2; \\
    ls -d /proc/1 /run/user/*; sed -n "s/NoNewPrivs:.//p" /proc/self/status'
"""
_NO_BRIDGE = 'OPTIONS="--listen 127.0.0.1:53 --no-mdns"\n'  # nor an answer that comes by it
_ENVIRONMENT = "~/.config/opencoderouter/environment"
# As deploy/README.md has them; these run in a clone.
_INSTALL = """
mkdir -p ~/.config/systemd/user
cp deploy/systemd/user/opencoderouter.service ~/.config/systemd/user/
systemctl --user daemon-reload
systemctl --user enable --now opencoderouter
"""
_UNINSTALL = """
systemctl --user disable --now opencoderouter
rm ~/.config/systemd/user/opencoderouter.service
"""
_INSTALL_SYSTEM = """
cp deploy/systemd/system/opencoderouter@.service /etc/systemd/system/
systemctl daemon-reload
systemctl enable --now opencoderouter@alice
"""
_INSTALL_DNS = """
cp deploy/systemd/system/opencoderouter-dns.service /etc/systemd/system/
systemctl daemon-reload
systemctl enable --now opencoderouter-dns
"""


@pytest.fixture(scope="module")
def alice(machine: Machine) -> Machine:
    """Return the machine once alice lingers and runs a server, which is below no router."""
    machine.run("loginctl enable-linger alice")
    until(lambda: machine.call(f"systemctl is-active user@{UID}").returncode == 0)
    machine.run("mkdir -p ~/.config/opencoderouter", user="alice")
    machine.run(f"systemd-run --user --quiet sh -c '{_OUTSIDE}'", user="alice")
    return machine


@contextmanager
def _installed(machine: Machine, environment: str = "", more: str = "") -> Iterator[None]:
    """Have the user's service while the block lasts; ``more`` are lines of its [Service]."""
    machine.write(_ENVIRONMENT, environment, user="alice")
    if more:
        folder = "~/.config/systemd/user/opencoderouter.service.d"
        machine.write(f"{folder}/more.conf", f"[Service]\n{more}\n", user="alice")
    machine.typed(_INSTALL, user="alice")
    try:
        yield
    finally:
        machine.typed(_UNINSTALL, user="alice")
        machine.run("rm -rf ~/.config/systemd/user/opencoderouter.service.d", user="alice")


def _shown(machine: Machine, name: str, unit: str = "opencoderouter") -> str:
    """Return a property of a unit of alice's, or of the system when its name ends in .service."""
    if unit.endswith(".service"):
        return machine.run(f"systemctl show --value -p {name} {unit}")
    return machine.run(f"systemctl --user show --value -p {name} {unit}", user="alice")


def _ready(machine: Machine, port: int, *slugs: str) -> dict[str, Json]:
    """Return alice's projects at a port, once these are ready."""

    def probe() -> dict[str, Json]:
        done = machine.call(f"curl -sf http://127.0.0.1:{port}/api/backends", user="alice")
        rows = {row["slug"]: row for row in json.loads(done.stdout or "[]")}
        return rows if all(rows.get(slug, {}).get("status") == "ready" for slug in slugs) else {}

    return until(probe, what=machine.journal)


def _runs(machine: Machine, pid: int) -> bool:
    return machine.call(f"kill -0 {pid}").returncode == 0


def test_readme() -> None:
    """What is typed here is what deploy/README.md says; there `sudo` is before what root types."""
    said = (Path(__file__).parents[2] / "deploy/README.md").read_text().splitlines()
    known = {line.split("  #")[0].strip().removeprefix("sudo ") for line in said}
    typed = (_INSTALL + _UNINSTALL + _INSTALL_SYSTEM + _INSTALL_DNS).split("\n")
    assert set(filter(None, typed)) - known == set()


def test_user_service(alice: Machine) -> None:
    """It is started when it answers, finds and starts servers, and takes only the latter along."""
    with _installed(alice, 'PROJECTS="/home/alice/blog"\n'):
        assert alice.run("curl -sf http://127.0.0.1:8080/api/health") == '{"healthy": true}'
        assert _shown(alice, "ActiveState") == "active"
        rows = _ready(alice, 8080, "shop", "blog")
        assert not rows["shop"]["managed"]
        assert rows["blog"]["managed"]
        assert "2 projects" in until(lambda: _shown(alice, "StatusText"))
        said = alice.run("journalctl --user -u opencoderouter --no-pager -o cat", user="alice")
        assert "http://localhost:8080/" in said
    assert _shown(alice, "Result") == "success"
    assert "stopped" in alice.journal()
    assert _runs(alice, rows["shop"]["pid"])
    assert not _runs(alice, rows["blog"]["pid"])


@pytest.mark.parametrize(("signal", "result"), [("KILL", "signal"), ("STOP", "watchdog")])
def test_failed(alice: Machine, signal: str, result: str) -> None:
    """One that is killed, or hangs, is started again; what was below it is gone before."""
    with _installed(alice, 'PROJECTS="/home/alice/blog"\n', "WatchdogSec=1\nRestartSec=0"):
        server = _ready(alice, 8080, "blog")["blog"]["pid"]
        alice.run(f"kill -{signal} {_shown(alice, 'MainPID')}")
        until(lambda: _shown(alice, "NRestarts") == "1", what=alice.journal)
        assert f"Failed with result '{result}'" in alice.journal()
        assert not _runs(alice, server)
        assert _ready(alice, 8080, "blog")["blog"]["pid"] != server
        assert _shown(alice, "NRestarts") == "1"


def test_agent_is_not_heard(alice: Machine) -> None:
    """What runs below the router cannot tell systemd that all is well."""
    tell = "NOTIFY_SOCKET=/run/user/$(id -u)/systemd/notify systemd-notify --status=forged"
    more = f"ExecStartPost=/bin/sh -c '{tell.replace('$', '$$')}; true'"
    with _installed(alice, more=more):
        assert _shown(alice, "StatusText") != "forged"


def test_system_service(alice: Machine) -> None:
    """The hardened one finds and starts the same; the system is closed to it, the home is not."""
    alice.write(
        "/etc/opencoderouter/alice.env",
        'OCR_PORT=8081\nPROJECTS="/home/alice/blog"\n'
        "PATH=/home/alice/.opencode/bin:/usr/bin:/bin:/sbin\n",
    )
    alice.write("/etc/systemd/system/opencoderouter@alice.service.d/look.conf", _LOOK)
    alice.typed(_INSTALL_SYSTEM)
    try:
        rows = _ready(alice, 8081, "shop", "blog")
        assert rows["blog"]["managed"]
        assert alice.run("cat /home/alice/looked").split() == ["lo", "/proc/1", "1"]
        assert alice.run(_AGENT) == "401"
        inside = f"nsenter -t {_shown(alice, 'MainPID', _SYSTEM)} -m touch"
        assert alice.run(f"{inside} /home/alice/new /srv/new /tmp/new") == ""
        for place in ("/etc/new", "/usr/new", "/proc/sys/kernel/domainname"):
            assert "Read-only file system" in alice.call(f"{inside} {place}").stderr
    finally:
        alice.run("systemctl disable --now opencoderouter@alice")
    assert _shown(alice, "Result", _SYSTEM) == "success"
    assert not _runs(alice, rows["blog"]["pid"])


def test_dns_service(alice: Machine) -> None:
    """With no right but to port 53 it follows another user's router by a token; UDP and TCP."""
    with _installed(alice):
        _ready(alice, 8080, "shop")
        token = alice.run("ocr-router token create dns --read-only", user="alice")
        told = f"OCR_TOKEN={token}\nOCR_ROUTER_USER=alice\n{_NO_BRIDGE}"
        alice.write("/etc/opencoderouter/dns.env", told)
        alice.typed(_INSTALL_DNS)
        try:
            until(lambda: alice.run(_DIG) == _ADDRESS, what=alice.journal)
            assert alice.run(f"{_DIG} +tcp") == _ADDRESS
            status = alice.run(f"cat /proc/{_shown(alice, 'MainPID', _DNS)}/status")
            fields = dict(line.split(":\t") for line in status.splitlines())
            assert {fields[f"Cap{name}"] for name in ("Prm", "Eff", "Bnd", "Amb")} == {
                f"{1 << 10:016x}"
            }
            assert 61184 <= int(fields["Uid"].split()[0]) <= 65519  # systemd's dynamic users
            assert _shown(alice, "NRestarts", _DNS) == "0"
            assert alice.run("find /run/opencoderouter-dns/ -name 'running-*.json'")
        finally:
            alice.run("systemctl disable --now opencoderouter-dns")
    assert _shown(alice, "Result", _DNS) == "success"
