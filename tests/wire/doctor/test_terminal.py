"""A terminal that is told to be no UTF-8, and the advice when it is followed."""

from __future__ import annotations

import os
from pathlib import Path

from tests.rig.router import COMMAND
from tests.rig.tmux import tmux

NO_UTF8 = "export LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0"


def test_another_encoding(tmp_path: Path) -> None:
    """A warning, shown in ASCII; after what is advised all is well, with signs."""
    environment = {**os.environ, "HOME": str(tmp_path)}
    environment["PATH"] = f"{COMMAND.parent}:{environment['PATH']}"
    with tmux(tmp_path / "socket", environment) as screen:
        screen.run(NO_UTF8)
        screen.run("ocr-router doctor --only terminal; echo code=$?")
        screen.wait_for("code=1")
        line = next(line for line in screen.screen().splitlines() if " mend " in line)
        assert "warning  terminal  The terminal's encoding is " in screen.screen()
        screen.run(line.partition("mend")[2].strip())
        screen.run("ocr-router doctor --only terminal; echo now=$?")
        screen.wait_for("now=0")
        assert "✓ ok       terminal  UTF-8, colours, 100 columns, 30 lines" in screen.screen()
