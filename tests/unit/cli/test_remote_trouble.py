"""How it is told that something could not be done."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Ocr

from opencoderouter.cli import remote_trouble
from opencoderouter.cli.failure import Failure


def test_what_nobody_expected_is_one_line(
    ocr: Ocr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback, no group of exceptions; the log has all of it. Exit code 1."""

    def broken() -> Awaitable[object]:
        raise TypeError("this\x1b is a defect")

    monkeypatch.setattr(ocr.opened, "once", broken)
    code, out, err = ocr("ls")
    log = tmp_path / "state" / "opencoderouter" / "ocr.log"
    assert (code, out) == (1, "")
    assert err == f"ocr: unexpected: TypeError: this\\x1b is a defect ({log} has more)\n"
    assert 'raise TypeError("this' in log.read_text()


def test_without_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    """It is told all the same, and nothing else is."""
    error = ExceptionGroup("g", [ExceptionGroup("h", [OSError(28, "No space left on device")])])
    assert remote_trouble.tell(error) == 1
    assert (
        capsys.readouterr().err == "ocr: unexpected: OSError: [Errno 28] No space left on device\n"
    )


def test_without_a_home(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user of whom nothing is known, as in a container, is told what is missing."""
    monkeypatch.delenv("HOME", raising=False)
    with pytest.raises(RuntimeError) as none:
        Path("~nobody-of-that-name").expanduser()
    assert remote_trouble.tell(none.value) == 1
    assert capsys.readouterr().err == (
        "ocr: you have no home directory: set HOME to a directory of yours\n"
    )


def test_a_failure_is_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever it was raised, and whatever else was."""
    error = ExceptionGroup("g", [ValueError("x"), Failure("no such thing", 2)])
    assert remote_trouble.tell(error) == 2
    assert capsys.readouterr().err == "ocr: no such thing\n"


def test_nothing_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code says all."""
    assert remote_trouble.tell(Failure("", 143)) == 143
    assert capsys.readouterr().err == ""
