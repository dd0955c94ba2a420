"""``ocr`` as a person or a program starts it: what it loads, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.rig.router import COMMAND
from tests.rig.wait import until

SERVER = {
    *("aiohttp", "zeroconf", "dnslib", "uvloop", "httptools", "pydantic_settings"),
    *("prometheus_client", "opencoderouter.proxy", "opencoderouter.scan", "opencoderouter.launch"),
    *("opencoderouter.access", "opencoderouter.announce", "opencoderouter.kernel"),
    *("opencoderouter.opencode", "opencoderouter.settings", "opencoderouter.fields"),
}
SCREEN = "opencoderouter.cli.remote_screen, opencoderouter.wiring.remote, opencoderouter.tui.app"
OCR = str(COMMAND.with_name("ocr"))
Ocr = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a user who has no hosts, and no OpenCode here."""
    config = tmp_path / ".opencode" / "remote-tui.yaml"
    config.parent.mkdir()
    config.write_text(f"ssh: {{config: {tmp_path}/ssh}}\npolling: {{interval: 1s, jitter: 0}}\n")
    (tmp_path / "ssh").touch()
    return {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "USER": "me"}


@pytest.fixture
def ocr(home: dict[str, str]) -> Ocr:
    """Return what starts ``ocr ARGUMENTS``."""

    def start(*arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [OCR, *arguments],
            env={**home, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def modules(script: str, environment: dict[str, str]) -> set[str]:
    """Return what a fresh process has loaded when a script has ended."""
    ending = "except SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    script = f"import sys\ntry:\n    {script}\n{ending}"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    return set(done.stderr.split())


def test_a_command_loads_nothing_of_the_server(home: dict[str, str]) -> None:
    """Nor the screens, nor Fabric where no host needs it."""
    script = "from opencoderouter.cli.remote import main; main(['hosts', '--json'])"
    names = modules(script, home)
    assert "opencoderouter.wiring.remote" in names
    assert names & {*SERVER, "textual", "fabric", "paramiko"} == set()


def test_the_screen_loads_nothing_of_the_server(home: dict[str, str]) -> None:
    """What `ocr` imports when it opens."""
    names = modules(f"import {SCREEN}", home)
    assert "textual.app" in names
    assert names & SERVER == set()


def test_hosts_as_json(ocr: Ocr) -> None:
    """The machine itself is a host; stdout is JSON and nothing else."""
    out, err = ocr("hosts", "--json").communicate(timeout=50)
    (row,) = json.loads(out)
    assert (row["alias"], row["local"], row["via"], err) == ("localhost", True, "local", "")
    assert row["state"] in {"online", "no_opencode"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_watching_ends_by_a_signal(ocr: Ocr, number: signal.Signals) -> None:
    """In order: exit code 0, whole lines, nothing on stderr."""
    with ocr("hosts", "--watch", "--json") as running:
        assert running.stdout is not None
        lines = [running.stdout.readline()]
        while json.loads(lines[-1])["hosts"][0]["state"] is None:
            lines.append(running.stdout.readline())
        running.send_signal(number)
        out, err = running.communicate(timeout=50)
    assert (running.returncode, err) == (0, "")
    assert all(json.loads(line)["hosts"] for line in [*lines, *out.splitlines()])


@pytest.mark.parametrize(
    "arguments",
    [("hosts", "--watch", "--json"), ("hosts", "--json"), ("config", "show"), ("--help",)],
)
def test_nobody_reads(ocr: Ocr, arguments: tuple[str, ...]) -> None:
    """The program ends without a word."""
    with ocr(*arguments) as running:
        assert running.stdout is not None
        running.stdout.close()
        assert running.wait(timeout=50) == 0
        assert running.stderr is not None
        assert running.stderr.read() == ""


def test_ctrl_c_is_told(ocr: Ocr, tmp_path: Path) -> None:
    """Exit code 130, one line, no traceback."""
    with ocr("exec", "localhost", "--", f"touch {tmp_path}/begun; exec sleep 60") as running:
        until((tmp_path / "begun").exists)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=50)
    assert (running.returncode, out, err) == (130, "", "ocr: interrupted\n")


def test_what_ctrl_c_ends_leaves_nothing(ocr: Ocr, tmp_path: Path) -> None:
    """The command that ran here has ended, too."""
    with ocr("exec", "localhost", "--", f"echo $$ >{tmp_path}/pid; exec sleep 60") as running:
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        pid = int((tmp_path / "pid").read_text())
        running.terminate()
        running.communicate(timeout=50)
    until(lambda: not Path(f"/proc/{pid}").exists() or _is_gone(pid))
    assert running.returncode == 128 + signal.SIGTERM


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_version_needs_no_time(ocr: Ocr) -> None:
    """Nothing is loaded for it: it takes less than half of what the help takes."""

    def took(argument: str) -> float:
        begun = time.perf_counter()
        ocr(argument).communicate(timeout=50)
        return time.perf_counter() - begun

    assert min(took("--version") for _ in range(3)) < min(took("--help") for _ in range(3)) / 2


def completed(ocr: Ocr, words: str) -> list[str]:
    """Return what a shell offers at the end of a line."""
    environment = {
        "_OCR_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    out, err = ocr(**environment).communicate(timeout=50)
    assert err == ""
    return out.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("ocr ses", ["sessions"]),
        ("ocr web", []),
        ("ocr local", ["localhost"]),
        ("ocr --ssh-config {} web", ["web1", "web2"]),
        ("ocr exec --ssh-config {} web", ["web1", "web2"]),
        ("ocr sessions --stat", ["--state"]),
        ("ocr sessions --state wai", ["waiting"]),
    ],
)
def test_a_shell_completes(ocr: Ocr, tmp_path: Path, words: str, offered: list[str]) -> None:
    """Commands, options, and the hosts of ssh's configuration."""
    (tmp_path / "hosts").write_text("Host web1 web2 *.x\nHost db\n")
    assert completed(ocr, words.format(tmp_path / "hosts")) == offered


def test_a_log_is_written_and_nothing_else(ocr: Ocr, tmp_path: Path) -> None:
    """A command leaves its log and its cache; the configuration is the screen's to write."""
    ocr("hosts").communicate(timeout=50)
    files = {str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*") if one.is_file()}
    assert files - {".cache/opencoderouter/fleet.json"} <= {
        ".opencode/remote-tui.yaml",
        "ssh",
        ".local/state/opencoderouter/ocr.log",
        *(one for one in files if one.startswith(".cache/")),
    }
    log = tmp_path / ".local/state/opencoderouter/ocr.log"
    assert log.stat().st_mode & 0o777 == 0o600
