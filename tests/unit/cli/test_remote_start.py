"""``ocr`` alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from opencoderouter.cli import remote


def test_it_needs_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """It says what does not."""
    with pytest.raises(SystemExit) as ended:
        remote.main([])
    assert ended.value.code == 2
    words = "ocr: the screen needs a terminal; `ocr ls` prints the same without one\n"
    assert capsys.readouterr() == ("", words)


def test_no_command_line_parser_is_loaded_for_it() -> None:
    """Neither for the start, nor for what the screen is made of; nor what the preferences need."""
    program = """import sys
import opencoderouter.cli.remote_start, opencoderouter.cli.remote_fleet
import opencoderouter.cli.remote_log, opencoderouter.wiring.remote, opencoderouter.tui.app
print(sorted({"click", "typer", "pydantic", "yaml", "fabric"} & sys.modules.keys()))"""
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"


def test_a_terminal_that_draws_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told so; a screen that stands still is not shown."""
    monkeypatch.setenv("TERM", "dumb")
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True, raising=False)
    with pytest.raises(SystemExit) as ended:
        remote.main([])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("ocr: TERM is dumb: ")
