"""Figures as people read them."""

from __future__ import annotations

import pytest

from opencoderouter.core.fleet import wording

DAY = 86_400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "now"),
        (0.4, "now"),
        (42.9, "42s"),
        (180, "3m"),
        (3599, "59m"),
        (5 * 3600, "5h"),
        (13 * DAY, "13d"),
        (20 * DAY, "2w"),
        (729 * DAY, "104w"),
        (800 * DAY, "2y"),
    ],
)
def test_age(seconds: float, text: str) -> None:
    """An age is rounded down to one unit; what is in the future is now."""
    assert wording.age(seconds) == text


def test_ago() -> None:
    """The age of an unknown moment is nothing."""
    assert (wording.ago(None, 100), wording.ago(40, 100)) == ("", "1m")


def test_countdown() -> None:
    """A countdown ends at nought."""
    assert [wording.countdown(left) for left in (-3, 0.9, 12, 120)] == ["0s", "0s", "12s", "2m"]


def test_size() -> None:
    """Sizes are in binary units."""
    sizes = [wording.size(octets) for octets in (512, 1536, 3 * 2**30, 5 * 2**60)]
    assert sizes == ["512 B", "1.5 KiB", "3.0 GiB", "5120.0 PiB"]


def test_numbers() -> None:
    """Numbers keep their thousands apart, or are short."""
    assert wording.figure(5000) == "5,000"
    assert [wording.short(number) for number in (950, 12_340, 999_949, 999_950)] == [
        "950",
        "12.3k",
        "999.9k",
        "1.0M",
    ]
    assert [wording.money(dollars) for dollars in (0, 0.0042, 1.3)] == [
        "$0.00",
        "$0.0042",
        "$1.30",
    ]


def test_counted() -> None:
    """One thing is called otherwise than several."""
    assert wording.counted(1, "host") == "1 host"
    assert wording.counted(2000, "host") == "2,000 hosts"
    assert wording.counted(2, "branch", "branches") == "2 branches"


@pytest.mark.parametrize(("at", "text"), [(None, ""), (99.5, "now"), (40, "1m ago")])
def test_before(at: float | None, text: str) -> None:
    """What was this very moment is not "now ago"."""
    assert wording.before(at, 100) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("git  push", "git  push"),
        ("ls\n\n; rm -rf ~\x1b[8m\u202e", r"ls\n\n; rm -rf ~\x1b[8m\u202e"),
        (f"ls{' ' * 300}; rm -rf ~", "ls [300 blanks] ; rm -rf ~"),
        ("ls" + "\u2800 \u3164" * 10 + "; rm", "ls [30 blanks] ; rm"),
    ],
)
def test_exactly(text: str, line: str) -> None:
    """Nothing of a text is out of sight because of what stands before it."""
    assert wording.exactly(text) == line
