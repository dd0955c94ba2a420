"""``ocr-router password``."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from tests.rig.router import router
from tests.wire.cli.conftest import Run


@pytest.fixture
def state(environment: dict[str, str], tmp_path: Path) -> Path:
    """Return the state directory that the command uses."""
    environment["OCR_STATE_DIR"] = str(tmp_path / "state")
    return tmp_path / "state"


def test_it_prints_the_password_alone(run: Run, state: Path) -> None:
    """The first time it is drawn, then it is the same one; nothing else is printed."""
    first = run("password")
    assert (first.returncode, first.stderr) == (0, "")
    assert len(first.stdout.strip()) >= 26
    assert first.stdout.strip().isalnum()
    assert run("password").stdout == first.stdout
    assert stat.S_IMODE((state / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_rotation(run: Run, state: Path) -> None:
    """Another one is printed and stays, and the audit log says so, without it."""
    before = run("password").stdout
    after = run("password", "--rotate").stdout
    assert before != after
    assert run("password").stdout == after
    events = (state / "audit.jsonl").read_text()
    assert '"event": "password_rotated"' in events
    assert after.strip() not in events


def test_what_the_user_has_chosen(
    run: Run, environment: dict[str, str], state: Path, tmp_path: Path
) -> None:
    """It is printed, and not rotated: where it is from is told instead."""
    file = tmp_path / "chosen"
    file.touch(mode=0o600)
    file.write_text("of the file\n")
    assert run("password", "--password-file", str(file)).stdout == "of the file\n"
    refused = run("password", "--rotate", "--password-file", str(file))
    assert refused.returncode == 1
    assert refused.stderr == f"ocr-router: the password is from {file}: change it there\n"
    environment["OCR_PASSWORD"] = "of the setting"
    assert run("password", "--password-file", str(file)).stdout == "of the setting\n"
    refused = run("password", "--rotate")
    assert refused.stderr == "ocr-router: the password is from OCR_PASSWORD: change it there\n"
    assert not state.exists()


def test_a_router_that_uses_another(
    run: Run, environment: dict[str, str], state: Path, tmp_path: Path
) -> None:
    """It is asked, be its user free there or not: what it does not take is told, and printed."""
    with router([], environment=environment, log=tmp_path / "log") as running:
        port = ("--port", str(running.port))
        assert "another password" not in running.log.read_text()
        drawn, rotated = run("password", *port), run("password", "--rotate", *port)
        assert (drawn.stderr, rotated.stderr) == ("", "")
        own = f"The router on port {running.port} uses another password"
        for before in (("password",), ("password", "--rotate")):
            done = run(*before, "--state-dir", str(tmp_path / "other"), *port)
            assert (done.returncode, len(done.stdout.strip())) == (0, 26)
            assert done.stderr.startswith(own)
    assert run("password", *port).stderr == ""
    assert state.exists()


def test_a_file_that_others_can_read(run: Run, tmp_path: Path) -> None:
    """It is refused in one line, and its content is not told."""
    file = tmp_path / "chosen"
    file.write_text("of the file\n")
    file.chmod(0o644)
    done = run("password", "--password-file", str(file))
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"ocr-router: --password-file {file}: other users have access to it"
    )
    assert "of the file" not in done.stderr + done.stdout


def test_a_code_to_log_in_with(run: Run, environment: dict[str, str], state: Path) -> None:
    """A picture and an address of this machine, with the password where no server sees it."""
    environment["OCR_PASSWORD"] = "a/b c#d%e"
    lines = run("password", "--qr", "--hostname", "192.0.2.7", "--port", "9000").stdout.splitlines()
    assert lines[-1] == "http://192.0.2.7:9000/.ocr/login#a%2Fb%20c%23d%25e"
    assert set("".join(lines[:-1])) <= set("█▀▄ ")
    assert len(lines) > 15
    tls = ("--tls-cert", "/c")
    assert (
        "https://[2001:db8::1]:8080/"
        in run("password", "--qr", "--hostname", "2001:db8::1", *tls).stdout
    )
    done = run("password", "--qr", "--hostname", "127.0.0.1")
    assert (done.returncode, done.stdout) == (1, "")
    assert not state.exists()
