"""The frames in what ``fleet/probe.sh`` prints: parts of an answer among anything else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

TIMED_OUT = 124  # the exit code of a part whose time was over, as timeout(1) has it
_FORM = "1"
_REASON = 200  # characters
_USAGE, _PURE = "show version number", "--pure"  # OpenCode's help has the one, and what it knows


@dataclass(frozen=True, slots=True)
class Item:
    """One of several texts of a part; ``word`` is empty for what comes before the first."""

    word: str
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an answer. ``code`` is None where its end did not come: it was cut off."""

    items: tuple[Item, ...] = ()
    code: int | None = None
    said: str = field(default="", repr=False)

    @property
    def text(self) -> str:
        """Return what it has told, all items in one."""
        return "\n".join(item.text for item in self.items)

    @property
    def trouble(self) -> str:
        """Return in one line why it is not all, or nothing."""
        if self.code is None:
            return "the answer was cut off"
        if self.code == TIMED_OUT:
            return "it took too long"
        return self.complaint or f"exit code {self.code}" if self.code else ""

    @property
    def complaint(self) -> str:
        """Return the line of its stderr that tells the most: the first that names an error."""
        if _USAGE in self.said and _PURE not in self.said:
            return f"this OpenCode does not know {_PURE}, without which it could run plugins"
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        telling = (line for line in lines if "error" in line.lower() or "not found" in line.lower())
        return next(telling, lines[0] if lines else "")[:_REASON]


@dataclass(frozen=True, slots=True)
class Frames:
    """All parts by name. ``ended``: the script came to its end."""

    parts: Mapping[str, Part]
    ended: bool


def read_frames(output: bytes, nonce: str) -> Frames | None:
    """Return the parts of an answer, or None when the script did not begin. Never raises.

    Whatever others print around it is left out, and lines may end as a terminal ends them. What
    was cut off has no ``code``.
    """
    text = output.replace(b"\r\n", b"\n").decode("utf-8", "replace")
    marks = re.compile(rf"^{re.escape(nonce)} (\w+) ?([^\n]*)$", re.MULTILINE)
    pieces = marks.split(text)
    steps = list(zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True))
    begun = next((at for at, step in enumerate(steps) if step[:2] == ("begin", _FORM)), None)
    if begun is None:
        return None
    steps = steps[begun + 1 :]
    end = next((at for at, step in enumerate(steps) if step[0] == "end"), None)
    return Frames(dict(_parts(steps[:end])), ended=end is not None)


def _parts(steps: list[tuple[str, str, str]]) -> Iterator[tuple[str, Part]]:
    """Yield name and part; a part ends where the next one begins, whether it was done or not."""
    starts = [at for at, (kind, _, _) in enumerate(steps) if kind == "part"]
    for start, stop in pairwise([*starts, len(steps)]):
        yield steps[start][1], _part(steps[start:stop])


def _part(steps: list[tuple[str, str, str]]) -> Part:
    items = tuple(
        Item(word if kind == "item" else "", text.strip("\n"))
        for kind, word, text in steps
        if kind in ("part", "item")
    )
    done = any(kind == "done" for kind, _, _ in steps)
    code, said = next(((word, text) for kind, word, text in steps if kind == "said"), ("", ""))
    # Of what is not done, the words of its end may be cut as well.
    return Part(items, int(code) if done and re.fullmatch("[0-9]{1,3}", code) else None, said)
