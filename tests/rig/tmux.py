"""A real terminal, for programs that draw."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rig.wait import until


@dataclass(frozen=True, slots=True)
class Tmux:
    """One window of a tmux server of our own."""

    socket: Path
    environment: Mapping[str, str]

    def run(self, command: str) -> None:
        """Run a command in the shell of the window."""
        self.type(command)
        self.press("Enter")

    def type(self, text: str) -> None:
        """Type text as it is."""
        self.tmux("send-keys", "-l", text)

    def press(self, key: str) -> None:
        """Press a named key."""
        self.tmux("send-keys", key)

    def screen(self) -> str:
        """Return what the window shows."""
        return self.tmux("capture-pane", "-p")

    def wait_for(self, text: str) -> None:
        """Return when the window shows ``text``."""
        until(lambda: text in self.screen(), what=self.screen)

    def tmux(self, *arguments: str) -> str:
        """Run a tmux command; return what it prints."""
        return subprocess.run(
            ["tmux", "-S", str(self.socket), "-f", "/dev/null", "-u", *arguments],
            env=self.environment,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout


@contextmanager
def tmux(socket: Path, environment: Mapping[str, str]) -> Iterator[Tmux]:
    """Run a tmux server with one window, 100 by 30, and a plain shell in it."""
    result = Tmux(socket, {**environment, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"})
    result.tmux("new-session", "-d", "-x", "100", "-y", "30", "/bin/sh")
    try:
        yield result
    finally:
        result.tmux("kill-server")
