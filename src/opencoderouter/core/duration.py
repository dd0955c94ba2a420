"""Durations as people write them: ``800ms``, ``5s``, ``1m30s``, ``2h``."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(text: str) -> float:
    """Return seconds. Raises ValueError, with the allowed form, for anything else."""
    parts = _PART.findall(text.strip())
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        raise ValueError(f"{text!r} is not a duration such as 800ms, 5s or 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def format_duration(seconds: float) -> str:
    """Return the shortest exact form: ``0.8`` is ``800ms``, ``90`` is ``1m30s``."""
    milliseconds = round(seconds * 1000)
    if milliseconds < 1000 or milliseconds % 1000:  # noqa: PLR2004
        return f"{milliseconds}ms"
    rest, text = milliseconds // 1000, ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text
