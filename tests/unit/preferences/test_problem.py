"""A problem as a person reads it."""

from __future__ import annotations

from opencoderouter.preferences.problem import Place, Problem


def test_it_is_one_line_with_its_place() -> None:
    """File, line and column come first; what could move the cursor is escaped."""
    problem = Problem("a.yaml", "x: bad\n\x1b[31m", Place(3, 5))
    assert str(problem) == "a.yaml:3:5: x: bad\\n\\x1b[31m"


def test_without_a_place_it_has_the_file() -> None:
    """What is wrong with the file as a whole names the file."""
    assert str(Problem("a.yaml", "Permission denied")) == "a.yaml: Permission denied"
