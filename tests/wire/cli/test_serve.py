"""``ocr-router serve`` and ``demo`` as processes: start, taken ports, and how they end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rig import http
from tests.rig.ports import free_port, free_range
from tests.rig.processes import MARK, assert_gone, marked
from tests.rig.program import stand_in
from tests.rig.router import COMMAND, router
from tests.rig.wait import until
from tests.wire.cli.conftest import Run

from opencoderouter.cli.failure import Failure
from opencoderouter.cli.serve import _folder


def test_a_taken_port_is_named_with_its_holder(run: Run, tmp_path: Path) -> None:
    """The holder is told by pid; exit code 1; no child was started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--port", str(port), str(tmp_path))
    assert done.returncode == 1
    assert f"--port {port}: " in done.stderr
    assert f"(pid {os.getpid()})" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_twin_of_a_port_counts_as_taken(run: Run) -> None:
    """Who holds ``[::1]:PORT`` would get what clients send to ``localhost``."""
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--hostname", "127.0.0.1", "--port", str(port))
    assert done.returncode == 1
    assert "::1" in done.stderr


def test_state_that_is_not_the_users_is_refused(run: Run, tmp_path: Path) -> None:
    """A state directory that is a link, or damaged secrets: one line that names it, exit code 1."""
    (tmp_path / "link").symlink_to(tmp_path)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "secrets.json").touch(mode=0o600)
    for path, reason in (
        (tmp_path / "link", "link: is a symbolic link"),
        (state, "secrets.json: is damaged"),
    ):
        arguments = ("--port", str(free_port()), "--hostname", "127.0.0.1")
        done = run("serve", *arguments, "--state-dir", str(path))
        assert done.returncode == 1
        assert reason in done.stderr
        assert done.stderr.count("\n") == 1
    assert (state / "secrets.json").read_bytes() == b""


def test_files_of_https_are_told_by_their_options(run: Run, tmp_path: Path) -> None:
    """Both are needed, and what is wrong with one is told with its flag, exit code 2."""
    file = tmp_path / "file"
    file.write_text("-----BEGIN CERTIFICATE-----")
    port = ("--port", str(free_port()), "--hostname", "127.0.0.1")
    for given, told in (
        (("--tls-cert", "/c"), "--tls-cert /c: needs the key, too (--tls-key)"),
        (("--tls-key", "/k"), "--tls-key /k: needs the certificate, too (--tls-cert)"),
        (("--tls-cert", "/c", "--tls-key", "/k"), "--tls-cert /c: No such file or directory"),
        (("--tls-cert", file, "--tls-key", "/k"), "--tls-key /k: No such file or directory"),
        (("--tls-cert", file, "--tls-key", file), "no private key in it"),
    ):
        done = run("serve", *port, *map(str, given))
        assert done.returncode == 2
        assert told in done.stderr
        assert done.stderr.count("\n") == 1


def test_an_access_log_that_is_a_link_is_refused(run: Run, tmp_path: Path) -> None:
    """It could lead anywhere: the option is named, exit code 2."""
    (tmp_path / "log").symlink_to(tmp_path / "target")
    arguments = ("--port", str(free_port()), "--hostname", "127.0.0.1")
    done = run("serve", *arguments, "--access-log", str(tmp_path / "log"))
    assert done.returncode == 2
    assert f"--access-log {tmp_path}/log: is a symbolic link" in done.stderr


class Demo:
    """A running ``ocr-router demo``."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.mark = f"demo-{os.getpid()}-{log.parent.name}"
        self.port, scan = free_port(), free_range()
        self.log = log
        options = ("--port", self.port, "--scan-start", scan[0], "--scan-end", scan[-1])
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [COMMAND, "demo", *map(str, options)],
                env=environment | {MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def backends(self) -> list[http.Json]:
        """Return ``/api/backends``; none while the router does not listen yet."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            return list(http.get(f"http://localhost:{self.port}/api/backends"))
        except OSError:
            return []

    def ready(self) -> list[http.Json]:
        """Return both projects once they answer."""

        def both() -> list[http.Json]:
            own = [row for row in self.backends() if "/ocr-demo-" in row["project_path"]]
            rows = [row for row in own if row["status"] == "ready"]
            return rows if len(rows) == 2 else []

        return until(both, what=self.log.read_text)


@pytest.fixture
def demo(environment: dict[str, str], tmp_path: Path) -> Iterator[Demo]:
    """Return a demo; nothing of it is left afterwards."""
    running = Demo(environment, tmp_path / "log")
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.wait(30)
    assert_gone(running.mark)


def test_a_demo_shows_two_projects_and_ends_cleanly(run: Run, demo: Demo) -> None:
    """The banner names both projects; SIGINT ends all with exit code 0 and no traceback."""
    assert [row["slug"] for row in demo.ready()] == ["hello-world", "web-shop"]
    until(lambda: "hello-world.localhost" in demo.log.read_text())
    assert run("health").returncode == 0  # a container's engine asks that, of a demo, too
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(30) == 0
    log = demo.log.read_text()
    assert f"http://localhost:{demo.port}/api/backends" in log
    assert f"http://web-shop.localhost:{demo.port}/" in log
    assert "Traceback" not in log
    assert run("health").returncode == 1
    assert marked(demo.mark) == []


def test_a_second_signal_ends_at_once(demo: Demo) -> None:
    """A request that would hold the router up for its grace does not outlive a second signal."""
    demo.ready()
    request = b"POST /hello-world/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    with socket.create_connection(("127.0.0.1", demo.port)) as unfinished:
        unfinished.sendall(request)
        until(lambda: b":%d" % demo.port and demo.backends())
        demo.process.send_signal(signal.SIGTERM)
        until(lambda: "stopping" in demo.log.read_text())
        demo.process.send_signal(signal.SIGTERM)
        assert demo.process.wait(30) == 128 + signal.SIGTERM
    assert_gone(demo.mark)


def test_a_router_that_nobody_reads_runs_on(environment: dict[str, str], tmp_path: Path) -> None:
    """A folder that the terminal cannot show, and an ignored SIGHUP (``nohup``), end nothing."""
    folder = tmp_path / "日本\udcff"
    folder.mkdir()
    environment["PATH"] = f"{stand_in(tmp_path / 'bin')}:{environment['PATH']}"
    environment |= {"PYTHONIOENCODING": "latin-1:strict"}
    log = tmp_path / "log"
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with router([folder], environment=environment, log=log, ready=False) as running:
            until(lambda: b"Project" in log.read_bytes())
            running.process.send_signal(signal.SIGHUP)
            assert http.get(f"{running.url}/api/health")["healthy"]
            assert running.stop() == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert b"Traceback" not in log.read_bytes()


def test_sigint_is_heard_in_the_background(environment: dict[str, str], tmp_path: Path) -> None:
    """A script starts background jobs with SIGINT ignored; it ends the router all the same."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with router([], environment=environment, log=tmp_path / "log") as running:
            running.process.send_signal(signal.SIGINT)
            assert running.process.wait(30) == 0
    finally:
        signal.signal(signal.SIGINT, before)


HEADS = [
    "GET /api/backends?auth_token={0} HTTP/1.1\r\nHost: localhost\r\n",
    "GET /shop/session?auth_token={0}&ticket={0} HTTP/1.1\r\nHost: localhost\r\n",
    "GET /.ocr/enter?ticket={0}&path=/ HTTP/1.1\r\nHost: localhost\r\n",
    "GET /no-such-project?auth_token={0} HTTP/1.1\r\nHost: localhost\r\n",
    "GET /?auth_token={0} HTTP/1.1\r\nHost: rebound.test\r\n",
    "GET /?auth_token={0} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://{0}.test\r\n",
    "GET http://me:{0}@localhost/?x={0} HTTP/1.1\r\nHost: localhost\r\n",
    "GET /x?auth_token={0} NONSENSE\r\nHost: localhost\r\n",
    "GET /x?auth_token={0} HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
    "POST /.ocr/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n{0}",
    "GET / HTTP/1.1\r\nHost: localhost\r\nVia: 1.1 x\r\nAuthorization: Bearer {0}\r\n",
    "GET / HTTP/1.1\r\nHost: localhost\r\nVia: 1.1 x\r\nCookie: a={0}\r\nX-Y: {0}\r\n",
]


def test_no_secret_is_logged(environment: dict[str, str], tmp_path: Path) -> None:
    """Whatever is wrong with a request, and at any level: none of its secrets is in any file."""
    (tmp_path / "shop").mkdir()
    environment["PATH"] = f"{stand_in(tmp_path / 'bin')}:{environment['PATH']}"
    environment |= {"OCR_LOG_LEVEL": "debug", "OCR_ACCESS_LOG": str(tmp_path / "access")}
    environment |= {"OCR_PASSWORD": "own-hidden-word", "OCR_STATE_DIR": str(tmp_path / "state")}
    with router([tmp_path / "shop"], environment=environment, log=tmp_path / "log") as running:
        for head in HEADS:
            with socket.create_connection(("127.0.0.1", running.port)) as client:
                client.sendall(head.format("hidden-word").encode() + b"Connection: close\r\n\r\n")
                while client.recv(65536):
                    pass
        assert running.stop() == 0
    logs = [tmp_path / "log", tmp_path / "access", tmp_path / "state" / "audit.jsonl"]
    for log in logs:
        assert "hidden-word" not in log.read_text()
    assert (tmp_path / "access").read_text().count("\n") >= len(HEADS)
    assert '"event": "login_failed"' in logs[2].read_text()


def test_an_address_of_another_machine(run: Run) -> None:
    """It is said what is wrong with it."""
    done = run("serve", "--hostname", "192.0.2.254", "--port", str(free_port()))
    told = "ocr-router: --hostname 192.0.2.254: is no address of this machine\n"
    assert (done.returncode, done.stderr) == (2, told)


def test_a_demo_without_a_place_to_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where no directory can be made, one line says what gives it one."""
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    with pytest.raises(Failure, match="--tmpfs /tmp"):
        _folder()
