"""What a project's directory is called."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def real_directory(path: str) -> str | None:
    """Return the absolute path without symlinks, or None when it is no directory.

    It is what OpenCode (``GET /path``) and the kernel (``/proc/PID/cwd``) call it.
    """
    real = os.path.realpath(path)
    return real if Path(real).is_dir() else None


def real_directories(paths: Sequence[str]) -> list[str]:
    """Return each directory once, in order. Raises ValueError when one is no directory."""
    found = {path: real_directory(path) for path in paths}
    for path, directory in found.items():
        if directory is None:
            raise ValueError(f"{path}: there is no such directory")
    return list(dict.fromkeys(directory for directory in found.values() if directory))
