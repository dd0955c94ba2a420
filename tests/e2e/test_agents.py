"""What runs in a real OpenCode server's terminal is not its user to the router."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rig import http
from tests.rig.fleet import Fleet
from tests.rig.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def test_a_tool_is_not_free(fleet: Fleet, tmp_path: Path) -> None:
    """Whatever runs in a terminal of the server is asked who it is; so is what that has started."""
    assert http.get(f"{fleet.router.url}/api/backends")  # its user, who runs the tests, is not
    said = tmp_path / "said"
    ask = f"curl -s -o /dev/null -w '%{{http_code}}\\n' {fleet.router.url}/api/backends >{said}.new"
    command = f'sh -c "{ask}; mv {said}.new {said}"'
    http.post(f"{fleet.url}pty", {"command": "sh", "args": ["-c", command], "title": "tool"})
    until(said.exists, within=30)
    assert said.read_text() == "401\n"
