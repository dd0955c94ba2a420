"""What a systemd unit file says, as far as a service manager of the tests needs it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: its lines by section, each as key and value, in the order of the file."""

    path: Path
    lines: tuple[tuple[str, str, str], ...]

    def values(self, key: str, section: str = "Service") -> list[str]:
        """Return what is said about something, one for each time."""
        return [value for where, name, value in self.lines if (where, name) == (section, key)]

    def value(self, key: str) -> str:
        """Return what [Service] says once."""
        (value,) = self.values(key)
        return value

    def environment(self, home: Path) -> dict[str, str]:
        """Return what ``Environment=`` sets, where ``%h`` is a directory."""
        words = [word for line in self.values("Environment") for word in shlex.split(line)]
        pairs = (word.replace("%h", str(home)).partition("=") for word in words)
        return {name: value for name, _, value in pairs}

    def command(self, home: Path, environment: Mapping[str, str]) -> list[str]:
        """Return ``ExecStart=``: a word ``$NAME`` is what that variable has, split at spaces."""
        words = self.value("ExecStart").replace("%h", str(home)).split()
        split = ([word] if word[0] != "$" else environment[word[1:]].split() for word in words)
        return [part for parts in split for part in parts]


def read(path: Path) -> Unit:
    """Return the unit in a file without continued lines."""
    return Unit(path, tuple(_lines(path)))


def _lines(path: Path) -> Iterator[tuple[str, str, str]]:
    section = ""
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            yield section, key, value
