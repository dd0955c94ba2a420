"""Why a server does not run, in words for the one who wants it to."""

from __future__ import annotations

import errno as errors
import os
import signal
from collections.abc import Sequence

INSTALL = "install OpenCode (`npm install -g opencode-ai`, or see https://opencode.ai/docs)"


def ended(code: int, lines: Sequence[str]) -> str:
    """Return why a process is gone: how it ended (``code`` as of subprocess) and its last word.

    Who was killed could not say why.
    """
    if code < 0:
        return f"opencode was killed by {_signal(-code)}"
    how = f"ended with status {code}"
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"opencode {how}: {last}" if last else f"opencode {how}"


def not_started(number: int, path: str | None, directory: str) -> str:
    """Return why there is no process. ``path`` is what errno ``number`` is about."""
    if path == directory:
        return f"{directory}: {os.strerror(number)}"
    if number == errors.ENOENT:
        return f"{path} was not found; {INSTALL}"
    return f"{path or 'opencode'} cannot be started: {os.strerror(number)}"


def unable(error: Exception) -> str:
    """Return what to say of a start that failed in a way nobody has thought of."""
    return f"opencode cannot be started: {type(error).__name__}: {error}"


def no_port(ports: range) -> str:
    """Return what to say when every port is taken."""
    return (
        f"no port from {ports.start} to {ports[-1]} is free; "
        "widen the range with --scan-start and --scan-end"
    )


def too_slow(seconds: float) -> str:
    """Return what to say of a server that was given up."""
    return f"opencode did not answer within {seconds:g} seconds"


def served(pid: int | None, port: int) -> str:
    """Return what to say when another server has the directory."""
    return f"already served by {f'process {pid}' if pid else 'another process'} on port {port}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
