"""``ocr`` so far."""

from __future__ import annotations

import sys

import pytest

from opencoderouter import __version__
from opencoderouter.cli import remote


@pytest.mark.parametrize(
    ("argument", "start"), [("--version", f"ocr {__version__}\n"), ("--help", "Usage: ocr ")]
)
def test_what_it_can_say(
    argument: str, start: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version and help go to stdout."""
    monkeypatch.setattr(sys, "argv", ["ocr", argument])
    remote.main()
    assert capsys.readouterr().out.startswith(start)


def test_anything_else_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown argument is one line on stderr, exit code 2."""
    monkeypatch.setattr(sys, "argv", ["ocr", "host1"])
    with pytest.raises(SystemExit) as ended:
        remote.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "ocr: host1: unknown argument (see `ocr --help`)\n"
