"""SECURITY.md and the tests say the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.threats.test_threats import ROWS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()


def _lines() -> list[list[str]]:
    """Return the cells of the threat model's lines."""
    lines = [line.strip("|").split(" | ") for line in TEXT.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def _shown() -> list[list[str]]:
    """Return the names of tests of each line."""
    return [re.findall(r"`([^`]+)`", line[-1]) for line in _lines()]


def _functions(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_the_table_is_that_of_the_tests() -> None:
    """Who, from where and wants what are the same words, in the same order."""
    told = [(*line[:3], names[0]) for line, names in zip(_lines(), _shown(), strict=True)]
    assert told == [(row.who, row.origin, row.wants, row.id) for row in ROWS]


def test_no_row_is_there_twice() -> None:
    """A name means one row."""
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_every_line_says_what_stops_them() -> None:
    """Five cells, none of them empty."""
    assert [line for line in _lines() if len(line) != 5 or not all(line)] == []


def test_every_test_that_is_named_exists() -> None:
    """A line's further tests are functions of the files that it names."""
    named = [name for names in _shown() for name in names[1:]]
    named += re.findall(r"`(tests/[^`]+::[^`]+)`", TEXT.partition("| Who")[0])
    for name in named:
        path, _, function = name.partition("::")
        assert function.partition("[")[0] in _functions(ROOT / path), name
