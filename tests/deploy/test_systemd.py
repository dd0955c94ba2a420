"""The units of deploy/systemd: what systemd says of them, and what they tell a service manager."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.rig import http
from tests.rig.ports import free_port
from tests.rig.router import COMMAND
from tests.rig.unit import Unit, read

from opencoderouter.announce.query import ask

_FOLDER = Path(__file__).parents[2] / "deploy/systemd"
_USER = read(_FOLDER / "user/opencoderouter.service")
_SYSTEM = read(_FOLDER / "system/opencoderouter@.service")
_DNS = read(_FOLDER / "system/opencoderouter-dns.service")
_UNITS = pytest.mark.parametrize("unit", [_USER, _SYSTEM, _DNS], ids=lambda unit: unit.path.name)
_NEWER = ("RestartSteps", "RestartMaxDelaySec")  # than Debian 12's systemd
_needs_analyze = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="needs systemd-analyze"
)


@_needs_analyze
@_UNITS
def test_verify(unit: Unit, tmp_path: Path) -> None:
    """Systemd has nothing to say but that it does not know what newer ones know."""
    program = unit.value("ExecStart").split()[0].replace("%h", str(tmp_path))
    text = unit.path.read_text()
    if not Path(program).is_relative_to(tmp_path):
        text = text.replace(program, str(COMMAND))
    else:
        Path(program).parent.mkdir(parents=True)
        Path(program).symlink_to(COMMAND)
    path = tmp_path / unit.path.name.replace("@", "@root")
    path.write_text(text)
    scope = ["--user"] if unit is _USER else []
    said = subprocess.run(
        ["systemd-analyze", *scope, "verify", "--recursive-errors=no", "--man=no", path],
        env={**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (said.stdout + said.stderr).splitlines()
    assert [line for line in lines if not any(f"'{key}'" in line for key in _NEWER)] == []


@_needs_analyze
@pytest.mark.parametrize(("unit", "most"), [(_DNS, 15), (_SYSTEM, 45)], ids=["dns", "system"])
def test_exposure(unit: Unit, most: int) -> None:
    """What `systemd-analyze security` says, in tenths: the DNS server has nothing that it can miss.

    The user's service has no sandbox: its comments say why.
    """
    command = f"systemd-analyze security --offline=yes --no-pager --threshold={most}"
    done = subprocess.run(
        [*command.split(), unit.path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("unit", [_USER, _SYSTEM], ids=["user", "system"])
@pytest.mark.parametrize("key", "ProtectProc ProcSubset PrivateUsers PrivatePIDs".split())
def test_sees_processes(unit: Unit, key: str) -> None:
    """Nothing hides an agent from the router, which would take its tools for the user's."""
    assert unit.values(key) == []


@dataclass(frozen=True, slots=True)
class _Service:
    """A unit's program, whose service manager is the test."""

    process: subprocess.Popen[bytes]
    socket: socket.socket

    def wait(self, word: str) -> list[str]:
        """Return the words that came with this one, when it has been told."""
        while word not in (told := self.socket.recv(4096).decode().splitlines()):
            pass
        return told


@contextmanager
def _started(unit: Unit, home: Path, **more: str) -> Iterator[_Service]:
    """Run what a unit says as systemd does, but for the paths of the system."""
    (home / ".local/bin").mkdir(parents=True)
    (home / ".local/bin/ocr-router").symlink_to(COMMAND)
    address = str(home / "notify")
    environment = {
        **unit.environment(home),
        **more,
        "HOME": str(home),
        "NOTIFY_SOCKET": address,
        "WATCHDOG_USEC": "1000000",
    }
    program, *arguments = unit.command(home, environment)
    program = program.replace("/usr/local/bin/ocr-router", str(COMMAND))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.settimeout(60)
        receiving.bind(address)
        process = subprocess.Popen([program, *arguments], env=environment, cwd=home)
        try:
            yield _Service(process, receiving)
        finally:
            process.kill()
            process.wait()


def _stops(service: _Service) -> bool:
    """Tell whether it says that it ends when it is told to, and does without complaint."""
    service.process.terminate()
    service.wait("STOPPING=1")
    return service.process.wait(60) == 0


@pytest.mark.parametrize("unit", [_USER, _SYSTEM], ids=["user", "system"])
def test_router(unit: Unit, tmp_path: Path) -> None:
    """The router is ready when it answers, says again and again that it lives, and that it ends."""
    port = free_port()
    own = {"OCR_PORT": str(port), "OCR_HOSTNAME": "127.0.0.1", "OCR_MDNS": "false"}
    with _started(unit, tmp_path, **own) as service:
        told = service.wait("READY=1")
        assert any(line.startswith("STATUS=") for line in told)
        assert http.get(f"http://127.0.0.1:{port}/api/health")["healthy"]
        for _ in range(3):
            service.wait("WATCHDOG=1")
        assert _stops(service)


def test_dns(tmp_path: Path) -> None:
    """The DNS server is ready when it answers, though there is no router yet; so on as a router."""
    port = free_port()
    own = {"OPTIONS": f"--no-mdns --listen 127.0.0.1:{port}", "OCR_ROUTER": "http://127.0.0.1:1"}
    with _started(_DNS, tmp_path, **own) as service:
        service.wait("READY=1")
        assert not isinstance(ask("127.0.0.1", port, "shop.local", "A", within=30), str)
        for _ in range(3):
            service.wait("WATCHDOG=1")
        assert _stops(service)
