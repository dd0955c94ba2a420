"""``ocr`` before anything is loaded."""

from __future__ import annotations

import pytest

from opencoderouter import __version__
from opencoderouter.cli import remote


@pytest.mark.parametrize("argument", ["--version", "-V"])
def test_the_version_is_printed(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is one line on stdout, exit code 0."""
    with pytest.raises(SystemExit) as ended:
        remote.main([argument])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"ocr {__version__}\n"


def test_anything_else_is_for_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """Their exit code is that of the program."""
    with pytest.raises(SystemExit) as ended:
        remote.main(["--nonsense"])
    assert ended.value.code == 2
    assert "ocr: No such option: --nonsense" in capsys.readouterr().err
