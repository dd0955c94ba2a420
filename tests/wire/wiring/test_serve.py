"""The router process as a whole; what its user sees of it is in tests/wire/cli/test_serve.py."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.rig import http
from tests.rig.router import router


def test_what_it_leaves_behind(tmp_path: Path) -> None:
    """The audit log says when it started and stopped; nobody else can read what is kept."""
    state = tmp_path / "state"
    environment = {**os.environ, "OCR_STATE_DIR": str(state)}
    with router([], environment=environment, log=tmp_path / "log") as running:
        assert http.get(f"{running.url}/api/health")["healthy"]
        assert running.stop() == 0
    events = [json.loads(line) for line in (state / "audit.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["router_started", "router_stopped"]
    assert {event["pid"] for event in events} == {running.process.pid}
    modes = {path.name: path.stat().st_mode & 0o777 for path in (state, *state.rglob("*"))}
    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}
    assert {"secrets.json", "audit.jsonl"} <= modes.keys()
