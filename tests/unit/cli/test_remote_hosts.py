"""Hosts for a shell that completes words."""

from __future__ import annotations

from pathlib import Path

from opencoderouter.cli.remote_hosts import known


def test_this_machine_and_every_alias(tmp_path: Path) -> None:
    """Of the file that is named; patterns are none."""
    config = tmp_path / "config"
    config.write_text("Host web1 web2 *.x\nHost db\n")
    assert known(str(config)) == ("localhost", "web1", "web2", "db")
