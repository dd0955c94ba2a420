"""A program as process 1: a process namespace of its own, with its own ``/proc``."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

from tests.rig.wait import until

ALONE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
# As an engine starts a container with a terminal: its leader, and it is in the foreground.
WITH_TERMINAL = (*ALONE, "setsid", "--ctty")


@cache
def why_not_first() -> str:
    """Return why there can be no such namespace here; an empty string when there can."""
    if missing := [name for name in ("unshare", "setsid") if not shutil.which(name)]:
        return f"needs {', '.join(missing)}"
    done = subprocess.run([*ALONE, "true"], stderr=subprocess.DEVNULL, check=False)
    return "" if done.returncode == 0 else "needs the right to make a process namespace"


def first(unshare: subprocess.Popen[bytes]) -> int:
    """Return the pid that process 1 has out here."""
    children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children")
    return int(until(lambda: children.read_text().split())[0])
