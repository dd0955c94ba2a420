"""Durations as people write them: ``800ms``, ``5s``, ``1m30s``, ``2h``."""

from __future__ import annotations

import re

_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}  # in milliseconds
_PART = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)"


def parse_duration(text: str) -> float:
    """Return seconds. Raises ValueError, with the allowed form, for anything else."""
    if not re.fullmatch(f"(?:{_PART})+", text.strip()):
        raise ValueError(f"{text!r} is not a duration such as 800ms, 5s or 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, text)) / 1000


def format_duration(seconds: float) -> str:
    """Return the usual form, exact to the millisecond: ``800ms``, ``1.5s``, ``1m30s``, ``2d``."""
    rest = round(seconds * 1000)
    if rest < _UNITS["s"]:
        return f"{rest}ms" if rest else "0s"
    text = ""
    for unit in ("d", "h", "m"):
        number, rest = divmod(rest, _UNITS[unit])
        text += f"{number}{unit}" if number else ""
    return text + (f"{rest / 1000:g}s" if rest else "")
