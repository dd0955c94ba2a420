"""The screen, before there is one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.cli.conftest import Ocr

from opencoderouter.cli import remote_screen


@pytest.mark.parametrize("arguments", [(), ("web1",), ("--debug",)])
def test_it_needs_a_terminal(ocr: Ocr, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """It names what does not, and writes no configuration."""
    code, out, err = ocr(*arguments)
    assert (code, out) == (2, "")
    assert err == "ocr: the screen needs a terminal; `ocr ls` prints the same without one\n"
    assert not (tmp_path / ".opencode").exists()


@pytest.mark.parametrize(("typed", "meant"), [("sesions", "sessions"), ("host", "hosts")])
def test_a_command_that_is_misspelt_is_no_host(
    ocr: Ocr, monkeypatch: pytest.MonkeyPatch, typed: str, meant: str
) -> None:
    """It is told, unless there is a host of that name."""
    monkeypatch.setattr(remote_screen, "known", lambda _: ())
    code, _, err = ocr(typed)
    words = f"no host of ssh's configuration; did you mean `ocr {meant}`? (`ocr -- {typed}` if"
    assert (code, err) == (2, f"ocr: {typed}: {words} it is a host)\n")
    monkeypatch.setattr(remote_screen, "known", lambda _: (typed,))
    assert "needs a terminal" in ocr(typed)[2]


def test_behind_two_dashes_there_are_hosts(ocr: Ocr, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other word is guessed for what is said to be a host."""
    monkeypatch.setattr(remote_screen, "known", lambda _: ())
    assert "needs a terminal" in ocr("--", "ls")[2]
    assert "did you mean" in ocr("lls")[2]
