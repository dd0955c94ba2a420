"""A second user of the machine: Python scripts that run under another uid.

A script is plain Python of the standard library. It gets its arguments as ``sys.argv[1:]``, says
what it has to say on standard output (``flush=True``), and ends with its input::

    with stranger(UID, SQUAT, port) as other:
        assert heard(other) == "listening"
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest

UID = 12345  # nobody's
_PYTHONS = (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3")
_ENVIRONMENT = {"PATH": os.defpath, "HOME": "/nonexistent"}

Script = subprocess.Popen[str]


@contextmanager
def stranger(uid: int, script: str, *args: object, group: int | None = None) -> Iterator[Script]:
    """Run a script as user ``uid``, with nothing of the tests' environment.

    Its group has the same number, or that of ``group``. It may end by itself; its input is closed,
    and it is killed, when the block is left.
    """
    python = _python(uid)
    assert python is not None, "ask why_no_stranger() first"
    with subprocess.Popen(
        [python, "-I", "-S", "-c", script, *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env=_ENVIRONMENT,
        user=uid,
        group=uid if group is None else group,
        extra_groups=(),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def heard(process: Script) -> str:
    """Return the next line that a script says, without its end; nothing when it has ended."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def tell(process: Script, line: str = "") -> None:
    """Let a script go on that waits for a line of input."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def run_as(uid: int, script: str, *args: object) -> str:
    """Run a script to its end, and return all it said; it must not fail."""
    with stranger(uid, script, *args) as process:
        said, _ = process.communicate()
        assert process.returncode == 0, (process.returncode, said)
    return said


@cache
def why_no_stranger(uid: int = UID) -> str:
    """Return why nobody else can be had here; an empty string when somebody can."""
    if not hasattr(os, "getuid") or os.getuid() != 0:
        return "needs root: a second user"
    return "" if _python(uid) else "needs a Python that other users may run"


@cache
def _python(uid: int) -> str | None:
    """Return a Python that another user may run: the one of the tests may be in a closed folder."""
    return next((path for path in _PYTHONS if _runs(path, uid)), None)


def _runs(python: str, uid: int) -> bool:
    check = [python, "-I", "-S", "-c", "import socket, ssl, subprocess"]
    try:
        done = subprocess.run(
            check, cwd="/", env=_ENVIRONMENT, user=uid, group=uid, extra_groups=(), check=False
        )
    except OSError:
        return False
    return done.returncode == 0


# For tests: @needs_stranger
needs_stranger = pytest.mark.skipif(bool(why_no_stranger()), reason=why_no_stranger() or "-")
