"""What is wrong with the file, where, and what would be right."""

from __future__ import annotations

from dataclasses import dataclass

from opencoderouter.core.fleet.preferences import Preferences
from opencoderouter.core.printable import printable


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the file; line and column begin with 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing. As text it is one line: ``FILE:LINE:COLUMN: what is wrong``."""

    file: str
    text: str
    place: Place | None = None

    def __str__(self) -> str:
        where = f":{self.place.line}:{self.place.column}" if self.place else ""
        return printable(f"{self.file}{where}: {self.text}")


@dataclass(frozen=True, slots=True)
class Reading:
    """Preferences with defaults for what cannot be used, and what that is, in the file's order.

    ``notes`` is what can stay, but does nothing.
    """

    preferences: Preferences
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
