"""``ocr-router token``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.wire.cli.conftest import Run


@pytest.fixture(autouse=True)
def state(environment: dict[str, str], tmp_path: Path) -> Path:
    """Return the state directory that the command uses."""
    environment["OCR_STATE_DIR"] = str(tmp_path / "state")
    return tmp_path / "state"


def test_a_token_is_printed_alone(run: Run, state: Path) -> None:
    """The secret is all that stdout has; what it means is on stderr; no file has the secret."""
    done = run("token", "create", "ci", "--project", "shop", "--expires", "30d")
    secret = done.stdout.removesuffix("\n")
    assert done.returncode == 0
    assert secret.startswith("ocrt_")
    assert "\n" not in secret
    assert "project shop, until " in done.stderr
    assert "acts as you" in done.stderr
    assert not any(secret[5:] in path.read_text() for path in state.iterdir())
    assert "acts as you" not in run("token", "create", "eye", "--read-only").stderr


def test_tokens_are_listed_without_digests(run: Run, state: Path) -> None:
    """Name, what it is good for, and until when; as JSON, too."""
    assert run("token", "list").stdout.startswith("No tokens. `ocr-router token create NAME`")
    run("token", "create", "ci", "--project", "shop", "--read-only")
    run("token", "create", "old", "--expires", "1ms")
    rows = {row["name"]: row for row in json.loads(run("token", "list", "--json").stdout)}
    assert rows["ci"].keys() == {
        *("id", "name", "project", "read_only", "created", "expires", "expired")
    }
    assert (rows["ci"]["project"], rows["ci"]["read_only"], rows["ci"]["expires"]) == (
        *("shop", True, None),
    )
    assert (rows["ci"]["expired"], rows["old"]["expired"]) == (False, True)
    digest = json.loads((state / "tokens.json").read_text())["tokens"][0]["digest"]
    text = run("token", "list").stdout
    assert digest not in text
    head, first, second = text.splitlines()
    assert head.split() == ["ID", "NAME", "GOOD", "FOR", "CREATED", "EXPIRES"]
    assert "project shop, read only" in first
    assert second.endswith("(expired)")


def test_a_token_is_revoked(run: Run, state: Path) -> None:
    """Once; then there is none with this name, and another can have it."""
    run("token", "create", "ci")
    taken = run("token", "create", "ci")
    assert (taken.returncode, taken.stdout) == (1, "")
    assert "ci: there is a token with this name" in taken.stderr
    assert run("token", "revoke", "ci").stdout.startswith("revoked  ci  (")
    gone = run("token", "revoke", "ci")
    assert gone.returncode == 1
    assert "ci: there is no such token" in gone.stderr
    assert run("token", "create", "ci").returncode == 0
    events = [json.loads(line) for line in (state / "audit.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == [
        *("token_created", "token_revoked", "token_created")
    ]
    assert {event["name"] for event in events} == {"ci"}


def test_a_project_that_nobody_knows(run: Run, environment: dict[str, str], state: Path) -> None:
    """A typing error is told at once; the token is made all the same: projects come later, too."""
    state.mkdir(mode=0o700)
    (state / "leases.json").write_text(json.dumps({"/home/alice/shop": "shop"}))
    (state / "leases.json").chmod(0o600)
    environment["OCR_BACKEND"] = "far=http://192.0.2.1:1"
    for name in ("shop", "far"):
        assert "is known here" not in run("token", "create", name, "--project", name).stderr
    done = run("token", "create", "ci", "--project", "shp")
    assert (done.returncode, done.stdout[:5]) == (0, "ocrt_")
    assert "No project shp is known here" in done.stderr


@pytest.mark.parametrize("command", [("create", "ci"), ("list",), ("revoke", "ci")])
def test_a_damaged_file_is_told(run: Run, state: Path, command: tuple[str, ...]) -> None:
    """It is named, exit code 1, and it is left as it is."""
    state.mkdir(mode=0o700)
    (state / "tokens.json").touch(mode=0o600)
    done = run("token", *command)
    assert done.returncode == 1
    told = f"ocr-router: {state}/tokens.json: is damaged: no JSON; delete it and make the tokens"
    assert done.stderr.startswith(told)
    assert (state / "tokens.json").read_bytes() == b""
