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
    # Without a home, "~" would be a directory of wherever this runs.
    places = ":".join(place for place in map(os.path.expanduser, _PLACES) if place[0] == "/")
    return shutil.which(name) or (places and shutil.which(name, path=places)) or name
