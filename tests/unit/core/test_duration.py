"""Durations: what people write, and what is written back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencoderouter.core.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("800ms", 0.8),
        ("700ms", 0.7),
        ("5s", 5),
        ("1.5s", 1.5),
        ("1m30s", 90),
        ("2h", 7200),
        ("1d", 86400),
        ("1h0m0.5s", 3600.5),
        (" 5s ", 5),
        ("0s", 0),
        ("30s1m", 90),
    ],
)
def test_parse(text: str, seconds: float) -> None:
    """Numbers with units add up to seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *["", " ", "5", "s", "5 s", "5S", "5sec", "5us", "5s!", "5s\n5", "1,5s", ".5s", "5.s"],
        *["-5s", "+5s", "1e3s", "٣s", "inf", "nan", "9" * 400 + "s"],
    ],
)
def test_parse_refuses(text: str) -> None:
    """Anything else is refused, and the message shows what was given and what is meant."""
    with pytest.raises(ValueError, match="is not a duration such as") as error:
        parse_duration(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0004, "0s"),
        (0.001, "1ms"),
        (0.8, "800ms"),
        (0.9999, "1s"),
        (1.5, "1.5s"),
        (5, "5s"),
        (59.999, "59.999s"),
        (60, "1m"),
        (90.25, "1m30.25s"),
        (3600, "1h"),
        (86400, "1d"),
        (90061, "1d1h1m1s"),
    ],
)
def test_format(seconds: float, text: str) -> None:
    """Seconds are written with the largest units that fit, to the millisecond."""
    assert format_duration(seconds) == text


@given(st.integers(0, 10**11))
def test_round_trip(milliseconds: int) -> None:
    """What is written reads back as the same duration."""
    seconds = parse_duration(format_duration(milliseconds / 1000))
    assert seconds == pytest.approx(milliseconds / 1000, abs=0.0005)
