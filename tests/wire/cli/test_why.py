"""``why`` against a running router, and where each hop fails for a reason that is real."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.rig import http
from tests.rig.ports import free_port
from tests.rig.program import stand_in
from tests.rig.router import Router, router
from tests.rig.stranger import UID, heard, needs_stranger, stranger
from tests.rig.wait import until
from tests.wire.cli.conftest import Run
from tests.wire.cli.test_api import certificate

ALL = ["name", "connection", "router", "host", "access", "routing", "backend"]
SQUAT = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.headers["Authorization"]:
            print("shown", flush=True)
        code = 200 if self.path == "/api/health" else 401
        body = b'{"healthy": true}' if code == 200 else b"{}"
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def bin_(environment: dict[str, str], tmp_path: Path) -> None:
    """Put the stand-in into PATH."""
    environment["PATH"] = f"{stand_in(tmp_path / 'bin')}:{environment['PATH']}"


@pytest.fixture
def running(bin_: None, environment: dict[str, str], tmp_path: Path) -> Iterator[Router]:
    """Return a router with the project ``shop``."""
    del bin_
    project = tmp_path / "shop"
    project.mkdir()
    with router([project], environment=environment, log=tmp_path / "log") as started:
        yield started


def hops(run: Run, *arguments: object) -> tuple[int, list[dict[str, str]]]:
    """Return the exit code and the hops."""
    done = run("why", "--json", *map(str, arguments))
    assert done.stdout, done
    return done.returncode, list(json.loads(done.stdout)["hops"])


def failed(run: Run, *arguments: object) -> dict[str, str]:
    """Return the hop that failed: it is the last one, the only one, and says what helps."""
    code, found = hops(run, *arguments)
    assert code == 1, found
    assert [one["status"] for one in found[:-1]] == ["ok"] * (len(found) - 1)
    assert found[-1]["status"] == "failed"
    assert found[-1]["why"]
    assert found[-1]["mend"]
    return found[-1]


def test_all_is_in_order(run: Run, running: Router) -> None:
    """By name and by path every hop is in order, and the exit code 0; the router has no backend."""
    for address in ("shop", f"{running.url}/shop/", f"http://127.0.0.1:{running.port}/shop/"):
        code, found = hops(run, address, "--port", running.port)
        assert (code, [one["hop"] for one in found]) == (0, ALL)
    code, found = hops(run, running.url)
    assert (code, [one["hop"] for one in found]) == (0, ALL[:-1])


def test_the_words(run: Run, running: Router) -> None:
    """For people: a line for each hop; at the one that fails why, and what helps."""
    done = run("why", "shop", "--port", str(running.port))
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [["ok", name] for name in ALL]
    assert lines[-1] == f"All is in order: http://shop.localhost:{running.port}/"
    done = run("why", "nothing", "--port", str(running.port))
    assert done.returncode == 1
    assert "\nfailed  routing " in done.stdout
    assert "It has: " in done.stdout


def test_a_narrow_terminal(run: Run, environment: dict[str, str]) -> None:
    """Lines end before the terminal does; what is to be typed is not broken."""
    environment["COLUMNS"] = "60"
    port = str(free_port())
    lines = run("why", f"http://127.0.0.1:{port}/").stdout.splitlines()
    assert max(map(len, lines)) <= 60
    assert any(f"`ocr-router serve --port {port}`" in line for line in lines)


@pytest.mark.parametrize(
    "address", ["", "ftp://x/", "http://", "/home", "http://a:secret@localhost/", "a b", "x" * 64]
)
def test_what_is_no_address(run: Run, address: str) -> None:
    """Exit code 2, one line, and no password on the terminal."""
    done = run("why", address)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


def test_a_name_that_nobody_knows(run: Run) -> None:
    """The resolver's own words are given."""
    hop = failed(run, "http://nobody.invalid/")
    assert hop["hop"] == "name"
    assert "nobody.invalid" in hop["why"]


def test_nobody_listens(run: Run) -> None:
    """A refused connection names address and port, and the command that starts a router there."""
    port = free_port()
    hop = failed(run, f"http://127.0.0.1:{port}/")
    assert hop["hop"] == "connection"
    assert f"127.0.0.1:{port}: nothing listens there" in hop["why"]
    assert f"serve --port {port}" in hop["mend"]


def test_a_forgotten_port(run: Run) -> None:
    """An address without a port means 80: the right one is shown."""
    hop = failed(run, "http://127.0.0.9/x/", "--port", "8123")
    assert hop["mend"].endswith("http://127.0.0.9:8123/x/")


@contextmanager
def full() -> Iterator[int]:
    """Have a port whose connections are never made: nobody takes them out of a queue of none."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.settimeout(0.2)
            one.connect_ex(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()


def test_a_connection_that_is_never_made(run: Run) -> None:
    """Who does not answer in time may be behind a firewall."""
    with full() as port:
        hop = failed(run, f"http://127.0.0.1:{port}/")
    assert hop["hop"] == "connection"
    assert "firewall" in hop["mend"]


def test_a_port_without_tls(run: Run, running: Router) -> None:
    """HTTPS to a port that speaks HTTP."""
    hop = failed(run, f"https://localhost:{running.port}/")
    assert hop["hop"] == "tls"
    assert f"http://localhost:{running.port}/" in hop["mend"]


def test_a_certificate_that_nobody_trusts(
    run: Run, bin_: None, environment: dict[str, str], tmp_path: Path
) -> None:
    """The own router's is trusted, with the doubt of others; a strange one is where it ends."""
    del bin_
    made = certificate(tmp_path / "tls", "localhost")
    flags = {"--tls-cert": made, "--tls-key": made.with_name("key")}
    with router([], environment=environment, log=tmp_path / "log", flags=flags) as started:
        address = f"https://localhost:{started.port}/"
        hop = failed(run, address)
        assert hop["hop"] == "tls"
        assert "not trusted" in hop["why"]
        assert "SSL_CERT_FILE" in hop["mend"]
        assert "`--tls-cert FILE`" in hop["mend"]
        own = ("--port", started.port, "--tls-cert", made)
        code, found = hops(run, address, *own)
        assert code == 0
        assert "own certificate" in next(one["seen"] for one in found if one["hop"] == "tls")
        environment["SSL_CERT_FILE"] = str(made)
        assert hops(run, address)[0] == 0
        hop = failed(run, f"http://localhost:{started.port}/")
    assert hop["hop"] == "router"
    assert f"https://localhost:{started.port}/" in hop["mend"]
    assert "`--tls-cert FILE`" in hop["mend"]


def test_something_else_listens(run: Run, tmp_path: Path) -> None:
    """What is no router is called by its name."""
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as other:
        until(lambda: _listens(port))
        hop = failed(run, f"http://127.0.0.1:{port}/")
        other.terminate()
    assert hop["hop"] == "router"
    assert "SimpleHTTP" in hop["why"]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_an_address_that_the_router_does_not_go_by(run: Run, running: Router) -> None:
    """0.0.0.0 leads to the router, but is no name of it."""
    hop = failed(run, f"http://0.0.0.0:{running.port}/")
    assert hop["hop"] == "host"
    assert "421" in hop["seen"]
    assert "Use localhost" in hop["mend"]


def test_who_is_not_let_in(
    run: Run, bin_: None, environment: dict[str, str], tmp_path: Path
) -> None:
    """A router that asks everybody is shown the user's password; with a wrong token it refuses."""
    del bin_
    flags = {"--auth": "always"}
    with router([], environment=environment, log=tmp_path / "log", flags=flags) as started:
        address = (f"http://localhost:{started.port}/", "--port", started.port)
        code, found = hops(run, *address)
        assert code == 0
        assert "password" in next(one["seen"] for one in found if one["hop"] == "access")
        environment["OCR_TOKEN"] = "ocrt_wrong"
        hop = failed(run, *address)
        assert hop["hop"] == "access"
        assert "does not take" in hop["why"]
        del environment["OCR_TOKEN"]
        assert failed(run, address[0], "--port", started.port + 1)["hop"] == "access"


@needs_stranger
def test_another_users_router_is_shown_nothing(run: Run, environment: dict[str, str]) -> None:
    """No secret goes to a port that another user has."""
    environment["OCR_TOKEN"] = "ocrt_secret"
    with stranger(UID, SQUAT) as other:
        port = heard(other)
        hop = failed(run, f"http://127.0.0.1:{port}/", "--port", port)
        assert hop["hop"] == "access"
        other.terminate()
        assert heard(other) == ""  # else it would have said that it was shown something


def test_no_such_project(run: Run, running: Router) -> None:
    """A project that is not there, by path and by name: what there is is listed."""
    for address in (f"{running.url}/nope/x", "nope"):
        hop = failed(run, address, "--port", running.port)
        assert hop["hop"] == "routing"
        assert "shop" in hop["mend"]


def test_a_server_that_is_down(run: Run, running: Router, tmp_path: Path) -> None:
    """A project whose server hangs, or was stopped: the route is there, the backend not."""
    pid = int(running.ready(tmp_path / "shop")["pid"])
    os.kill(pid, signal.SIGSTOP)
    try:
        hop = failed(run, "shop", "--port", running.port)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert hop["hop"] == "backend"
    assert str(pid) in hop["seen"]
    assert http.request("POST", f"{running.url}/api/backends/shop/stop").status == 202
    until(lambda: (running.find(tmp_path / "shop") or {}).get("status") == "stopped")
    hop = failed(run, "shop", "--port", running.port)
    assert hop["hop"] == "backend"
    assert "is not running" in hop["why"]


def test_no_home_directory(run: Run, running: Router, tmp_path: Path) -> None:
    """What is printed may be shown to others: the project's directory begins with ``~``."""
    for form in ((), ("--json",)):
        done = run("why", *form, "shop", "--port", str(running.port))
        assert "project shop, ~/shop" in done.stdout
        assert str(tmp_path) not in done.stdout
