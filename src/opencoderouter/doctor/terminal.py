"""What the terminal can show: letters, colours, columns."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from opencoderouter.doctor.facts import Facts
from opencoderouter.doctor.finding import Check, Finding, Status
from opencoderouter.doctor.thread import threaded

_CODE = "terminal"
_VARIABLES = ("TERM", "COLORTERM", "NO_COLOR", "LC_ALL", "LC_CTYPE", "LANG")
_WHY = "Names of projects and the signs of tables are shown as escapes such as \\u2713."


@dataclass(frozen=True, slots=True)
class Screen:
    """Where the output goes. ``columns`` and ``lines`` are 0 where it is no terminal."""

    encoding: str
    columns: int
    lines: int


def look(facts: Facts) -> Iterable[Finding]:
    """Tell what the terminal of this command can show."""
    there = sys.stdout.isatty()
    columns, lines = shutil.get_terminal_size() if there else (0, 0)
    screen = Screen(sys.stdout.encoding or "ascii", columns, lines)
    return (judge(screen, facts.environment),)


def judge(screen: Screen, environment: Mapping[str, str]) -> Finding:
    """Return what a screen can show; what is no terminal is not judged."""
    words = [f"{name}={environment[name]}" for name in _VARIABLES if name in environment]
    seen = (f"encoding {screen.encoding}", " ".join(words))
    if not screen.columns:
        return Finding(_CODE, Status.SKIPPED, "The output does not go to a terminal", seen)
    if screen.encoding.lower().replace("-", "") != "utf8":
        text = f"The terminal's encoding is {screen.encoding}, not UTF-8"
        return Finding(_CODE, Status.WARNING, text, seen, _WHY, ("export LC_ALL=C.UTF-8",))
    size = f"{screen.columns} columns, {screen.lines} lines"
    if environment.get("TERM", "dumb") == "dumb":
        why = "Programs that draw cannot know what it can do; tables have no colours."
        mends = ("export TERM=xterm-256color",)
        return Finding(_CODE, Status.INFO, "TERM does not say what it is", seen, why, mends)
    colours = "no colours (NO_COLOR)" if environment.get("NO_COLOR") else "colours"
    return Finding(_CODE, Status.OK, f"UTF-8, {colours}, {size}", seen)


CHECKS = (Check(_CODE, "The terminal", threaded(look)),)
