"""``ocr-router serve`` and ``demo`` as processes: start, taken ports, and how they end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
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
        done = run("serve", "--port", str(port))
    assert done.returncode == 1
    assert "::1" in done.stderr


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


def test_a_demo_shows_two_projects_and_ends_cleanly(demo: Demo) -> None:
    """The banner names both projects; SIGINT ends all with exit code 0 and no traceback."""
    assert [row["slug"] for row in demo.ready()] == ["hello-world", "web-shop"]
    until(lambda: "hello-world.localhost" in demo.log.read_text())
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(30) == 0
    log = demo.log.read_text()
    assert f"http://localhost:{demo.port}/api/backends" in log
    assert f"http://web-shop.localhost:{demo.port}/" in log
    assert "Traceback" not in log
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
