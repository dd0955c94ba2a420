"""The quadlets: what podman's generator makes of them, and its command line run as a user."""

from __future__ import annotations

import secrets
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.rig import http
from tests.rig.engine import Engine
from tests.rig.notified import notified
from tests.rig.ports import free_port, free_range
from tests.rig.rootless import NAME, UID, Rootless, needs_rootless, rootless
from tests.rig.trixie import QUADLET, needs_apt, trixie
from tests.rig.wait import until

pytestmark = needs_apt
_FOLDER = Path(__file__).parents[2] / "deploy/quadlet"
_SERVICES = ("opencoderouter", "opencoderouter-dns")
# What podman 4.3 cannot take without systemd, and the files of systemd's that it names.
_OF_SYSTEMD = ("--cidfile", "--cgroups")


def _generate(folder: Path, *options: str) -> dict[str, str]:
    """Return the units that the generator makes of the quadlets in a folder."""
    done = subprocess.run(
        [trixie(QUADLET), "-dryrun", *options],
        env={"QUADLET_UNIT_DIRS": str(folder)},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    parts = done.stdout.split("---")
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _lines(unit: str, key: str) -> list[str]:
    pairs = (line.partition("=") for line in unit.splitlines())
    return [value for name, _, value in pairs if name == key]


def _command(unit: str, settings: Mapping[str, object]) -> list[str]:
    """Return what the unit runs, as far as it can be run here, with more settings."""
    (line,) = _lines(unit, "ExecStart")
    words = shlex.split(line.replace("%u", NAME))
    words = [word for word in words if not word.startswith(_OF_SYSTEMD)]
    return words[:2] + [f"--env={name}={value}" for name, value in settings.items()] + words[2:]


@pytest.fixture(scope="module")
def units() -> dict[str, str]:
    """Return the units of a user's systemd, by name."""
    return _generate(_FOLDER, "-user")


@pytest.fixture(scope="module")
def user(podman: Engine, podman_image: str) -> Iterator[Rootless]:
    """Return a user of the machine who has the image."""
    assert podman_image
    with rootless(podman, "localhost/opencoderouter") as made:
        yield made


@dataclass(frozen=True, slots=True)
class Running:
    """The router as the user's unit runs it, and the directory of a server of the user's."""

    port: int
    directory: Path
    password: str

    def get(self, path: str) -> http.Reply:
        """Ask with the password."""
        login = {"Authorization": f"Bearer {self.password}"}
        return http.request("GET", f"http://localhost:{self.port}/{path}", headers=login)


@pytest.fixture(scope="module")
def running(user: Rootless, units: dict[str, str]) -> Iterator[Running]:
    """Run the router beside a server; it is ready when the service manager has heard so."""
    port, ports = free_port(), free_range()
    settings = {"OCR_PORT": port, "OCR_SCAN_START": ports[0], "OCR_SCAN_END": ports[-1]}
    command = _command(units["opencoderouter.service"], settings)
    address = str(user.folder / "home/notify")
    with notified(address) as manager, user.serving("shop", ports[3]) as directory:
        Path(address).chmod(0o777)
        user.run(*command, more={"NOTIFY_SOCKET": address})
        manager.until("READY=1")
        yield Running(port, directory, user.run(*_inside("ocr-router", "password")))
        user.run("podman", "stop", "opencoderouter")


def _inside(*command: str) -> list[str]:
    return ["podman", "exec", "opencoderouter", *command]


def test_generator_takes_every_line(units: dict[str, str]) -> None:
    """Podman 5's generator knows all keys; the services are told of when they are ready."""
    assert set(units) == {f"{name}.service" for name in (*_SERVICES, "opencoderouter-volume")}
    for name in _SERVICES:
        unit = units[f"{name}.service"]
        assert _lines(unit, "Type") == ["notify"]
        assert _lines(unit, "WantedBy") == ["default.target"]
        assert _lines(unit, "Restart") == ["always"]
        (line,) = _lines(unit, "ExecStart")
        for option in ("--read-only", "--cap-drop all", "--security-opt=no-new-privileges"):
            assert option in line
        assert "publish" not in line


def test_time_to_end(units: dict[str, str]) -> None:
    """What stops a service gives no time of its own, so that the container's is what counts."""
    for name in _SERVICES:
        unit = units[f"{name}.service"]
        (stop,) = _lines(unit, "ExecStop")
        assert "podman rm " in stop
        assert not {"-t", "--time"} & {word.partition("=")[0] for word in shlex.split(stop)}
        (start,) = _lines(unit, "ExecStart")
        options = start.partition(" localhost/opencoderouter")[0]
        assert "--stop-timeout=" in options


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_the_units(units: dict[str, str], tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say."""
    for name, unit in units.items():
        (tmp_path / name).write_text(unit)
    files = [str(tmp_path / name) for name in units]
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_as_root_for_a_user(tmp_path: Path) -> None:
    """With the drop-in root's podman runs it as a user, who sees all processes of the machine."""
    shutil.copytree(_FOLDER, tmp_path, dirs_exist_ok=True)
    extra = tmp_path / "opencoderouter.container.d"
    extra.mkdir()
    shutil.move(tmp_path / "as-root.conf", extra)
    (line,) = _lines(_generate(tmp_path)["opencoderouter.service"], "ExecStart")
    words = shlex.split(line)
    assert words[words.index("--user") + 1] == "1000:1000"
    assert {"--pid=host", "OCR_USERNAME=alice"} < set(words)
    assert "--userns" not in words
    assert "OCR_USERNAME=%u" not in words


@needs_rootless
def test_servers_of_the_user(running: Running) -> None:
    """It finds a server that the user runs on the machine, under the user's name."""

    def found() -> http.Json:
        rows = running.get("api/backends").json
        return next((row for row in rows if row["status"] == "ready"), None)

    assert until(found)["project_path"] == str(running.directory)
    assert running.get("api/health").json["username"] == NAME
    assert running.get("shop/session").json == []


@needs_rootless
def test_nobody_comes_in_freely(user: Rootless, running: Running) -> None:
    """Without the password the user is refused, too: in a user namespace anybody could be that."""
    url = f"http://localhost:{running.port}/shop/session"
    assert http.request("GET", url).status == 401
    asked = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1])"
    assert "401" in user.call("/usr/bin/python3", "-c", asked, url).stderr


@needs_rootless
def test_health(user: Rootless, running: Running) -> None:
    """The health check of the unit passes, and it runs as the user without any capability."""
    assert running.port
    assert user.call("podman", "healthcheck", "run", "opencoderouter").returncode == 0
    status = user.run(*_inside("cat", "/proc/1/status"))
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["CapEff"] == fields["CapBnd"] == "0" * 16
    assert fields["NoNewPrivs"] == "1"
    pid = user.run("podman", "inspect", "--format", "{{.State.Pid}}", "opencoderouter")
    assert Path(f"/proc/{pid}").stat().st_uid == UID


@needs_rootless
def test_dns_beside_it(user: Rootless, running: Running, units: dict[str, str]) -> None:
    """The other unit follows the router, with the password from their volume."""
    settings = {"OCR_PORT": running.port, "OCR_MDNS": "false"}
    place = f"127.0.0.1:{free_port()}"
    command = [*_command(units["opencoderouter-dns.service"], settings), "--listen", place]
    user.run(*command)
    try:
        health = ["podman", "healthcheck", "run", "opencoderouter-dns"]
        until(lambda: user.call(*health).returncode == 0)
        log = ["podman", "logs", "opencoderouter-dns"]
        until(lambda: "router followed" in (done := user.call(*log)).stdout + done.stderr)
    finally:
        user.run("podman", "stop", "opencoderouter-dns")


@needs_rootless
def test_port_53(user: Rootless) -> None:
    """It takes one right in a network of its own, and cannot be had in the host's."""
    right, refused = "--cap-add=NET_BIND_SERVICE", "needs root or CAP_NET_BIND_SERVICE"
    assert refused in _complaint(user, "--network=none")
    assert _complaint(user, "--network=none", right) == ""
    assert refused in _complaint(user, "--network=host", right)


def _complaint(user: Rootless, *options: str) -> str:
    """Return what a DNS server at port 53 says as it ends; "" when it answers."""
    place = f"127.53.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}:53"
    serve = ("localhost/opencoderouter", "dns", "--no-mdns", f"--listen={place}")
    container = user.run("podman", "run", "--detach", *options, *serve)
    try:
        health = ("ocr-router", "health", "dns", "--wait", "30s")
        done = user.call("podman", "exec", container, *health)
        logs = user.call("podman", "logs", container)
        return logs.stdout + logs.stderr if done.returncode else ""
    finally:
        user.run("podman", "rm", "--force", "--volumes", container)
