"""The options that commands share."""

from __future__ import annotations

import json

from tests.wire.cli.conftest import Run


def test_help_names_every_setting(run: Run) -> None:
    """``serve --help`` shows each setting, with the default that holds."""
    text = " ".join(run("serve", "--help").stdout.split())
    shown = json.loads(run("config", "--json").stdout)
    del shown["password"]  # processes are listed with their arguments
    for name, row in shown.items():
        assert f"--{name.replace('_', '-')}" in text, name
        if name.startswith(("scan_start", "scan_end", "port", "scan_conc", "opencode", "max_")):
            assert f"[{row['value']}]" in text
    for default in (
        "[5s]",
        "[800ms]",
        "[30s]",
        "[text]",
        "[info]",
        "[auto]",
        "[10s]",
        "[1m15s]",
        "[off]",
        "[50MB]",
        "[0.0.0.0]",
    ):
        assert default in text
