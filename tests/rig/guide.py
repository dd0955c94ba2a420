"""The fenced code blocks of a guide, so that tests run what readers read."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"^## (?P<heading>[^\n]+)$|^(?P<indent> *)```(?P<language>[\w-]+)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """One code block, under the heading where it stands."""

    heading: str
    language: str
    text: str


def blocks(guide: Path) -> list[Block]:
    """Return the blocks of a guide in their order."""
    heading, found = "", []
    for match in _BLOCK.finditer(guide.read_text()):
        if match["heading"]:
            heading = match["heading"]
        else:
            found.append(Block(heading, match["language"], textwrap.dedent(match["text"])))
    return found
