"""Tests of the list of checks, and of the page that describes it."""

from __future__ import annotations

import re
from pathlib import Path

from opencoderouter.doctor.checks import all_checks

PAGE = (Path(__file__).parents[3] / "docs/doctor.md").read_text()
CODE = re.compile(r"[a-z]+(-[a-z]+)*")


def test_codes() -> None:
    """Each is there once, and of a form that the schema takes."""
    codes = [check.code for check in all_checks()]
    assert len(set(codes)) == len(codes)
    assert all(CODE.fullmatch(code) for code in codes)
    assert all(check.title for check in all_checks())


def test_the_page_describes_each() -> None:
    """The page has a heading for every check, in the order of the report, and for nothing else."""
    assert re.findall(r"^### `(.*)`$", PAGE, re.MULTILINE) == [c.code for c in all_checks()]


def test_the_page_says_what_mends() -> None:
    """Below each heading stands what it looks at, and what is a problem."""
    sections = re.split(r"^### .*$", PAGE, flags=re.MULTILINE)[1:]
    assert all(len(section.split()) >= 15 for section in sections)
