"""Taking rights away from other users: safe, and undone by one command."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path

from opencoderouter.doctor.finding import Mending


def closing(path: Path, mode: int, taken: int) -> Mending:
    """Return what takes the bits ``taken`` from a file or directory that has ``mode``."""
    wanted = mode & ~taken
    return Mending(
        f"change the mode of {path} from {mode:o} to {wanted:o}",
        partial(path.chmod, wanted),
        shlex.join(["chmod", f"{mode:o}", str(path)]),
    )
