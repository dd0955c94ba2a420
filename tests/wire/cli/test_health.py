"""``ocr-router health``: the exit code, the reason, and what it costs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.rig.ports import free_port
from tests.rig.router import router
from tests.wire.cli.conftest import Run
from tests.wire.proxy.secured import make_pair
from tests.wire.wiring.test_sidecar import sidecar

from opencoderouter.cli import health
from opencoderouter.presence import Presence, present
from opencoderouter.settings import load

STATE = ".local/state/opencoderouter"


@pytest.mark.parametrize("flags", [(), ("--workers", 2), ("--auth", "always"), ("--tls",)])
def test_a_router(
    run: Run, environment: dict[str, str], tmp_path: Path, flags: tuple[object, ...]
) -> None:
    """It is found at whatever port, with workers, a password and a certificate of its own."""
    given: Mapping[str, object] = {str(flags[0]): flags[-1]} if flags else {}
    if flags == ("--tls",):
        pair = make_pair(tmp_path)
        given = {"--tls-cert": pair.cert, "--tls-key": pair.key, "--hostname": "0.0.0.0"}
    assert run("health").returncode == 1
    with router([], environment=environment, log=tmp_path / "log", flags=given) as up:
        done = run("health", "--wait", "30s")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert run("health", "serve").returncode == 0
        assert run("health", "dns").stderr.startswith("ocr-router: no `ocr-router dns` runs here")
        assert up.stop() == 0
    assert run("health").returncode == 1


def test_another_state_directory(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    """What it is told by flag is where it looks; else what the settings say."""
    state = tmp_path / "elsewhere"
    flags = {"--state-dir": state, "--hostname": "127.0.0.1"}
    with router([], environment=environment, log=tmp_path / "log", flags=flags):
        assert run("health", "--state-dir", str(state)).returncode == 0
        assert run("health", f"--state-dir={state}").returncode == 0
        done = run("health")
        assert f"no `ocr-router serve` runs here (by {tmp_path / STATE}" in done.stderr
        environment["OCR_STATE_DIR"] = "~/elsewhere"
        assert run("health").returncode == 0


def test_a_killed_router(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    """What it has left behind does not pass for it."""
    with router([], environment=environment, log=tmp_path / "log") as up:
        assert run("health").returncode == 0
        up.process.kill()
        up.process.wait()
    assert list((tmp_path / STATE).glob("running-*"))
    assert "no `ocr-router serve` runs here" in run("health").stderr


def test_a_sidecar(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    """The DNS server answers for itself, whether or not there is a router."""
    with sidecar(free_port(), environment, tmp_path / "dns.log"):
        assert run("health").returncode == 0
        assert run("health", "dns", "--wait", "1s").returncode == 0
        assert "no `ocr-router serve` runs here" in run("health", "serve").stderr


@contextmanager
def saying(answer: bytes, kind: int = socket.SOCK_STREAM) -> Iterator[int]:
    """Answer that to whoever asks; yield the port."""
    with socket.socket(socket.AF_INET, kind) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(30)
        if kind == socket.SOCK_STREAM:
            listening.listen()

        def serve() -> None:
            if kind == socket.SOCK_DGRAM:
                question, client = listening.recvfrom(512)
                listening.sendto(question[:2] + answer, client)
                return
            with listening.accept()[0] as client:
                client.recv(4096)
                client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(30)


def answer(status: int, body: bytes) -> bytes:
    """Return an HTTP answer."""
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (answer(200, b'{"healthy": true}'), ""),
        (answer(200, b'{"healthy": false}'), "what answers there is not a router"),
        (answer(200, b"<html>"), "what answers there is not a router"),
        (answer(200, b"[1]"), "what answers there is not a router"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "what answers there is not a router"),
        (answer(503, b'{"detail": "All connections are taken."}'), "All connections are taken."),
        (answer(503, b'{"detail": "\\u001b[2J\\nfine"}'), r"\x1b[2J\nfine"),
        (answer(200, b"[" * 60_000), "what answers there is not a router"),
        (b"", "what answers there is not a router"),
    ],
)
def test_what_a_port_says(tmp_path: Path, said: bytes, reason: str) -> None:
    """Only a router that is well is well; what another program says is none."""
    with saying(said) as port, present(tmp_path, Presence("serve", "http", "127.0.0.1", port)):
        found = health.trouble(str(tmp_path), "", 0)
    assert found == (f"http://127.0.0.1:{port}: {reason}" if reason else "")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"\x84\x03\0\0\0\0\0\0\0\0", "what answers there is not a DNS server"),
        (b"\x84\x03".ljust(40, b"\0"), ""),
        (b"\x84\x02".ljust(40, b"\0"), "the DNS server fails (code 2)"),
        (b"\x04\x00".ljust(40, b"\0"), "what answers there is not a DNS server"),
    ],
)
def test_what_a_dns_server_says(tmp_path: Path, said: bytes, reason: str) -> None:
    """An answer, also that there is no such name, is one; a failure is none."""
    here = Presence("dns", "dns", "127.0.0.1", 0)
    with saying(said, socket.SOCK_DGRAM) as port, present(tmp_path, here._replace(port=port)):
        found = health.trouble(str(tmp_path), "", 0)
    assert found == (f"dns://127.0.0.1:{port}: {reason}" if reason else "")


def test_nobody_listens(tmp_path: Path) -> None:
    """It is asked again for as long as was said, and then told why."""
    port = free_port()
    with present(tmp_path, Presence("serve", "http", "::1", port)):
        found = health.trouble(str(tmp_path), "", 0.3)
    assert found == f"http://[::1]:{port}: no answer (Connection refused)"


def test_an_answer_that_drips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The patience is for all of it, not for each octet."""
    monkeypatch.setattr(health, "_PATIENCE", 0.2)
    enough = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def drip() -> None:
            with listening.accept()[0] as client, suppress(OSError):
                while not enough.wait(0.05):
                    client.sendall(b"H")

        thread = threading.Thread(target=drip)
        thread.start()
        with present(tmp_path, Presence("serve", "http", "127.0.0.1", port)):
            found = health.trouble(str(tmp_path), "", 0)
        enough.set()
        thread.join(30)
    assert found == f"http://127.0.0.1:{port}: no answer (timed out)"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--wait", "10"), "--wait 10: must be a duration such as 10s"),
        (("web",), "COMMAND web: must be serve or dns"),
        (("--port", "1"), "No such option: --port"),
        (("serve", "--state-dir"), "Option '--state-dir' requires an argument"),
        (("--state-dir", "dns", "x"), "COMMAND x: must be serve or dns"),
    ],
)
def test_what_cannot_be_meant(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """It is one line, and exit code 2."""
    done = run("health", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("variables", "config"),
    [
        ({}, ""),
        ({"HOME": "/nowhere"}, ""),
        ({"XDG_STATE_HOME": "/x"}, ""),
        ({"OCR_STATE_DIR": "~/y"}, 'state_dir = "/z"'),
        ({"OCR_STATE_DIR": ""}, 'state_dir = "~/z"'),
        ({}, "port = 9000"),
    ],
)
def test_the_same_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], config: str
) -> None:
    """It looks where the settings have the state, though it does not load them."""
    for name in [name for name in os.environ if name.startswith(("OCR_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    if config:
        (tmp_path / "config.toml").write_text(config)
        monkeypatch.setenv("OCR_CONFIG", str(tmp_path / "config.toml"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    expected = load({})[0].state_dir
    assert Path(health.usual_state()).expanduser() == expected


def test_settings_that_are_wrong(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    """They are told as by every command, exit code 2."""
    environment["OCR_CONFIG"] = str(tmp_path / "none.toml")
    done = run("health")
    assert (done.returncode, done.stderr.strip()[-21:]) == (2, "there is no such file")
    (tmp_path / "none.toml").write_text("state_dir = 5")
    done = run("health")
    assert done.returncode == 2
    assert "state_dir" in done.stderr


def test_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that is called ~, here, is not taken for it."""
    for name in [name for name in os.environ if name.startswith(("OCR_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "~")
    assert health.quick([]) is None


def test_it_is_cheap(environment: dict[str, str], tmp_path: Path) -> None:
    """Little is loaded: it runs for ever, in each container."""
    script = (
        "import sys; from opencoderouter.cli.router import main\n"
        "try: main(['health'])\n"
        "except SystemExit as end: print(end.code, *sys.modules)"
    )
    with router([], environment=environment, log=tmp_path / "log"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=50,
        )
    code, *loaded = done.stdout.split()
    assert code == "0"
    dear = {"typer", "pydantic", "aiohttp", "asyncio", "tomllib", "logging", "pathlib"}
    assert dear & set(loaded) == set()
