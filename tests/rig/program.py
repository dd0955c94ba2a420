"""A program called ``opencode`` that runs the stand-in: the process looks like the real one."""

from __future__ import annotations

import sys
from pathlib import Path

_SCRIPT = """\
#!{python}
import runpy, sys
sys.argv[0] = "opencode"
runpy.run_module("opencoderouter.standin", run_name="__main__", alter_sys=False)
"""


def stand_in(folder: Path, *, python: str = sys.executable) -> Path:
    """Write the program into a folder, to be put first into PATH; return the folder."""
    folder.mkdir(exist_ok=True)
    program = folder / "opencode"
    program.write_text(_SCRIPT.format(python=python))
    program.chmod(0o755)
    return folder
