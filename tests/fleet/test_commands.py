"""``ocr`` without a screen, against real SSH servers and real OpenCode."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.rig import http
from tests.rig.armada import Armada
from tests.rig.crew import Crew
from tests.rig.router import COMMAND
from tests.rig.tmux import tmux
from tests.rig.wait import until

OCR = COMMAND.with_name("ocr")
SLOW = "passphrase wrongkey password mute halfmute nowhere slow".split()  # those that take long
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def environment(armada: Armada, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what `ocr` runs with: a home of its own, the hosts of the rig, not this machine."""
    home = tmp_path_factory.mktemp("home")
    config = home / ".opencode" / "remote-tui.yaml"
    config.parent.mkdir()
    config.write_text(
        f"ssh: {{config: {armada.config}, control_path: {home}/%C}}\n"
        "hosts: {local: false, include: [plain, refused]}\npolling: {timeout: 20s}\n"
    )
    everybody = f"{{local: false, ignore: [{', '.join(SLOW)}]}}"
    (home / "everybody.yaml").write_text(f"ssh: {{config: {armada.config}}}\nhosts: {everybody}\n")
    kept = {k: v for k, v in armada.environment.items() if not k.startswith(("OCR_", "XDG_"))}
    return kept | {"HOME": str(home), "BROWSER": "true"}


@pytest.fixture(scope="module")
def ocr(environment: dict[str, str]) -> Run:
    """Return what runs ``ocr ARGUMENTS`` to its end."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [OCR, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def project(crew: Crew) -> str:
    """Return a repository of the account that `plain` leads to."""
    return crew.project("alice", "by command")


@pytest.fixture(scope="module")
def session(ocr: Run, project: str) -> str:
    """Return a session that was made by command and has come to the end of its turn."""
    made = ocr("new", "plain", project, "--prompt", "say; $(id) 'this' \"and\" that")
    assert made.returncode == 0, made.stderr
    identity = made.stdout.strip()
    until(lambda: _row(ocr, identity)["status"] == "active", every=0.5)
    return identity


def _row(ocr: Run, identity: str) -> dict[str, object]:
    """Return what `ocr sessions` says of a session of `plain`."""
    rows = json.loads(ocr("sessions", "--json", "--archived", "plain").stdout)
    found: dict[str, object] = next(row for row in rows if row["id"] == identity)
    return found


def test_every_host_has_its_state(ocr: Run, armada: Armada, environment: dict[str, str]) -> None:
    """As JSON, in the order of the configuration; odd hosts do not end the command."""
    done = ocr("hosts", "--json", "--config", f"{environment['HOME']}/everybody.yaml")
    rows = {row["alias"]: row for row in json.loads(done.stdout)}
    assert (done.returncode, done.stderr) == (0, "")
    assert list(rows) == [one for one in armada.aliases if one not in SLOW]
    assert {alias: rows[alias]["state"] for alias in STATES} == STATES
    assert all(row["reason"] for row in rows.values() if row["state"] in TROUBLE)
    assert any("ssh-keygen -R" in command for command in rows["changed"]["mend"])
    assert (rows["hostca"]["via"], rows["plain"]["via"]) == ("openssh", "fabric")


STATES = {
    "plain": "online",
    "jump2": "online",
    "command": "online",
    "noisy": "online",
    "none": "no_opencode",
    "keyboard": "auth_required",
    "unknown": "host_key_unknown",
    "changed": "host_key_changed",
    "blocked": "blocked",
    "refused": "unreachable",
    "nologin": "error",
}
TROUBLE = set(STATES.values()) - {"online", "no_opencode"}


def test_a_command_runs_as_it_was_typed(ocr: Run, tmp_path: Path) -> None:
    """No shell makes anything of its words; what is not reached is told by the exit code."""
    odd = f"a 'b' \"c\" $(touch {tmp_path}/x) ;|&\n*"
    done = ocr("exec", "plain", "dash", "refused", "--", "printf", "%s", odd)
    lines = odd.split("\n")
    assert done.returncode == 3
    assert sorted(done.stdout.splitlines()) == sorted(
        f"{alias}: {line}" for alias in ("plain", "dash") for line in lines
    )
    assert "ocr: refused: " in done.stderr
    assert not (tmp_path / "x").exists()


def test_a_command_that_fails(ocr: Run) -> None:
    """Its output comes with its host, and its exit code is told."""
    done = ocr("exec", "noisy", "--", "echo out; echo err >&2; exit 7")
    assert done.returncode == 1
    assert all(line.startswith("noisy: ") for line in done.stdout.splitlines())
    assert done.stdout.endswith("out\n")  # behind its greeting, which has no newline
    assert "noisy: err" in done.stderr.splitlines()
    assert "ocr: noisy: exit code 7" in done.stderr


def test_a_session_is_made_and_prompted(ocr: Run, session: str, project: str) -> None:
    """It has worked where it was told to, and is in every list."""
    row = _row(ocr, session)
    assert (row["directory"], row["error"]) == (project, "")
    assert isinstance(row["messages"], int)
    assert row["messages"] >= 2
    assert session in ocr("ls").stdout
    assert session in ocr("sessions", "--project", "by command", "pl*").stdout


def test_a_terminal_is_attached(
    environment: dict[str, str], session: str, project: str, tmp_path: Path
) -> None:
    """The conversation is on the screen; when it ends, so does the command."""
    with tmux(tmp_path / "tmux", environment) as window:
        window.run(f"{OCR} attach {shlex.quote(f'plain:{project}')}; echo code $?")
        window.wait_for("say; $(id)")
        window.press("C-c")
        window.wait_for("code 0")
    assert session.startswith("ses_")


def test_the_browser_gets_a_session(
    ocr: Run, environment: dict[str, str], session: str, project: str
) -> None:
    """Its page is at the address of a server that was started for it, until Ctrl+C."""
    started = ocr("start", "plain", project)
    assert started.returncode == 0, started.stderr
    assert int(started.stdout)
    with subprocess.Popen(
        [OCR, "open", f"plain:{session}"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        url = running.stdout.readline().strip()
        base = "/".join(url.split("/")[:3])
        try:
            until(lambda: http.answers(f"{base}/global/health"), within=20)
        finally:
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=30)
    assert url.startswith("http://127.")
    assert url.endswith(f"/session/{session}")
    assert running.returncode == 0
    assert not http.answers(f"{base}/global/health")


def test_a_session_ends_as_it_should(ocr: Run, session: str, tmp_path: Path) -> None:
    """Archived, it is not listed; deleted, its export is here."""
    tmp_path.chmod(0o700)
    assert ocr("archive", f"plain:{session}", "--yes").returncode == 0
    assert session not in ocr("sessions", "plain").stdout
    assert _row(ocr, session)["status"] == "archived"
    done = ocr("delete", f"plain:{session}", "--yes", "--export", str(tmp_path))
    assert done.returncode == 0
    exported = Path(done.stdout.strip())
    assert exported.parent == tmp_path
    assert json.loads(exported.read_text())["info"]["id"] == session
    gone = ocr("abort", f"plain:{session}")
    assert (gone.returncode, gone.stderr) == (
        1,
        f"ocr: plain:{session}: there is no such session\n",
    )


def test_what_is_asked_for_a_host_that_is_not_reached(ocr: Run) -> None:
    """Exit code 3, and why."""
    done = ocr("start", "refused", "~")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("ocr: refused: ")
