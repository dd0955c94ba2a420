"""``ocr-router audit``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.wire.cli.conftest import Run


@pytest.fixture
def log(environment: dict[str, str], tmp_path: Path) -> Path:
    """Return where the command finds the log: it has three events, one of them odd."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    environment["OCR_STATE_DIR"] = str(state)
    events = [
        {"time": "T1", "event": "login", "origin": "192.0.2.1", "name": "owner"},
        {"time": "T2", "event": "refused", "origin": "::1", "path": "/\x1b[2J\u202e", "host": ""},
        {"event": "refused", "repeated": 7},
    ]
    (state / "audit.jsonl").touch(mode=0o600)
    (state / "audit.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return state / "audit.jsonl"


def test_a_table(run: Run, log: Path) -> None:
    """When, what, from where, and the rest; nothing that moves the cursor."""
    assert log.exists()
    assert run("audit").stdout.splitlines() == [
        "TIME  EVENT    FROM       WHAT",
        "T1    login    192.0.2.1  name=owner",
        r"T2    refused  ::1        path=/\x1b[2J\u202e",
        "-     refused  -          repeated=7",
    ]


def test_the_last_as_json(run: Run, log: Path) -> None:
    """A line an event, as many as are asked for."""
    lines = run("audit", "--json", "-n", "2").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [
        json.loads(line) for line in log.read_text().splitlines()[1:]
    ]
    assert all(line.isprintable() and line.isascii() for line in lines)


def test_nothing_yet(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    """Without a log that is said, and none is made."""
    environment["OCR_STATE_DIR"] = str(tmp_path / "none")
    done = run("audit")
    assert (done.returncode, done.stdout) == (0, "Nothing has happened yet.\n")
    assert not (tmp_path / "none").exists()


def test_a_log_that_is_a_link(run: Run, log: Path) -> None:
    """It is refused in one line."""
    log.rename(log.with_name("other"))
    log.symlink_to(log.with_name("other"))
    done = run("audit")
    assert done.returncode == 1
    assert done.stderr.startswith(f"ocr-router: {log}: is a symbolic link")
