"""Figures as people read them: ages, sizes, tokens, money."""

from __future__ import annotations

import re

from opencoderouter.core.printable import printable

_AGES = ((60, 1, "s"), (3600, 60, "m"), (86_400, 3600, "h"), (14 * 86_400, 86_400, "d"))
_WEEK = 7 * 86_400
_YEAR = 365 * 86_400
_BLANKS = re.compile("[ \u2800\u3164\uffa0\u115f\u1160]{9,}")  # all that is drawn as nothing
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def age(seconds: float) -> str:
    """Return at most three characters or so: ``now``, ``42s``, ``3m``, ``5h``, ``8d``, ``7w``."""
    if seconds < 1:
        return "now"  # clocks of hosts differ: the future is now, too
    for below, unit, letter in _AGES:
        if seconds < below:
            return f"{seconds // unit:.0f}{letter}"
    if seconds < 2 * _YEAR:
        return f"{seconds // _WEEK:.0f}w"
    return f"{seconds // _YEAR:.0f}y"


def ago(at: float | None, now: float) -> str:
    """Return the age of a moment, or nothing where it is not known."""
    return "" if at is None else age(now - at)


def before(at: float | None, now: float) -> str:
    """Return how long ago a moment was: ``3m ago``, ``now``; nothing where it is not known."""
    words = ago(at, now)
    return words if words in ("", "now") else f"{words} ago"


def countdown(seconds: float) -> str:
    """Return the time that is left, never negative: ``0s``, ``12s``, ``2m``."""
    return age(seconds) if seconds >= 1 else "0s"


def size(octets: int) -> str:
    """Return ``512 B``, ``1.5 GiB``."""
    value = float(octets)
    for unit in _SIZES[:-1]:
        if value < 1024:  # noqa: PLR2004 - what a kibibyte is
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} {_SIZES[-1]}"


def figure(number: int) -> str:
    """Return a number with its thousands apart: ``5,000``."""
    return f"{number:,}"


def short(number: int) -> str:
    """Return about three digits: ``950``, ``12.3k``, ``4.0M``."""
    if number < 1000:  # noqa: PLR2004 - what a thousand is
        return str(number)
    if number < 999_950:  # noqa: PLR2004 - what would be 1000.0k
        return f"{number / 1000:.1f}k"
    return f"{number / 1_000_000:.1f}M"


def money(dollars: float) -> str:
    """Return US dollars: ``$0.0042``, ``$1.30``."""
    return f"${dollars:.2f}" if dollars >= 1 or dollars == 0 else f"${dollars:.4f}"


def counted(number: int, one: str, many: str = "") -> str:
    """Return ``1 host``, ``5,000 hosts``."""
    return f"{figure(number)} {one if number == 1 else many or one + 's'}"


def exactly(text: str) -> str:
    r"""Return text of others on one line, in which nothing can be overlooked.

    Control characters and ends of lines are escaped (``\n``), many blanks are ``[300 blanks]``.
    """
    return _BLANKS.sub(lambda found: f" [{len(found[0])} blanks] ", printable(text))
