"""Where the panel goes in a window of some size."""

from __future__ import annotations

from enum import StrEnum

SMALLEST = (60, 16)
_BESIDE = 100  # cells from which on tree and panel stand side by side
_BELOW = 22  # lines from which on the panel is shown below without being asked for


class Room(StrEnum):
    """The class of the screen."""

    BESIDE = "-beside"
    BELOW = "-below"
    ALONE = "-alone"  # no panel
    SMALL = "-small"  # too small for anything


def room(cells: int, lines: int, wanted: bool | None) -> Room:  # noqa: FBT001 - None is a third
    """Return where the panel goes; ``wanted`` is what a person said of it, None for nothing."""
    if cells < SMALLEST[0] or lines < SMALLEST[1]:
        return Room.SMALL
    if wanted is False or (wanted is None and cells < _BESIDE and lines < _BELOW):
        return Room.ALONE
    return Room.BESIDE if cells >= _BESIDE else Room.BELOW
