"""Where the OpenCode program is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# Installers put it here and change only the files that interactive shells read.
_PLACES = ("~/.opencode/bin", "~/.local/bin", "~/.bun/bin", "~/.npm-global/bin")


def find_program(name: str) -> str:
    """Return the absolute path of ``name``: from here, from PATH, or where installers put it.

    What is found nowhere is returned as it is: who starts it tells the user.
    """
    if "/" in name:
        return str(Path(name).expanduser().absolute())
    places = ":".join(map(os.path.expanduser, _PLACES))  # without a home that is nowhere
    return shutil.which(name) or shutil.which(name, path=places) or name
