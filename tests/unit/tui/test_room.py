"""Where the panel goes."""

from __future__ import annotations

import pytest

from opencoderouter.tui.room import Room, room


@pytest.mark.parametrize(
    ("cells", "lines", "wanted", "expected"),
    [
        (140, 40, None, Room.BESIDE),
        (100, 16, None, Room.BESIDE),
        (99, 22, None, Room.BELOW),
        (99, 21, None, Room.ALONE),
        (60, 16, True, Room.BELOW),
        (140, 40, False, Room.ALONE),
        (59, 40, True, Room.SMALL),
        (140, 15, True, Room.SMALL),
    ],
)
def test_room(cells: int, lines: int, wanted: bool | None, expected: Room) -> None:  # noqa: FBT001
    """It is beside, else below, else away; what a person said of it goes before, but for size."""
    assert room(cells, lines, wanted) is expected
