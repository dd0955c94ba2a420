"""Values of others' JSON, taken only as what they should be. Nothing here raises."""

from __future__ import annotations

import json
import math
import re
from typing import Any

SESSION_ID = re.compile(r"ses_[A-Za-z0-9]{1,60}")
_TEXT = 2000  # characters that are worth keeping of any text
_PATH = 4096  # octets (limits.h of Linux)
_FOREVER = 1e14  # milliseconds: the year 5138
_MOST = 1e18


def load(text: str | bytes) -> Any:  # noqa: ANN401 - JSON is anything
    """Return what JSON says, or None."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def array(output: str) -> list[dict[str, Any]] | None:
    """Return the objects of the JSON array in a program's output, or None when there is none.

    Lines of another kind may come before it.
    """
    start = re.search(r"^\[", output, re.MULTILINE)
    told = load(output[start.start() :]) if start else None
    return rows(told) if isinstance(told, list) else None


def rows(value: object) -> list[dict[str, Any]]:
    """Return the objects of an array; none where it is none."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def mapping(value: object) -> dict[str, Any]:
    """Return an object; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def text(value: object, most: int = _TEXT) -> str:
    """Return text that can be encoded, not too long; nothing where it is none."""
    if not isinstance(value, str):
        return ""
    return value[:most].encode("utf-8", "replace").decode()


def number(value: object) -> float | None:
    """Return a finite number that is not negative, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < _MOST and math.isfinite(value) else None


def whole(value: object) -> int | None:
    """Return it without its fraction, or None."""
    found = number(value)
    return None if found is None else int(found)


def moment(value: object) -> float | None:
    """Return seconds since the epoch of OpenCode's milliseconds, or None."""
    found = number(value)
    return found / 1000 if found is not None and found < _FOREVER else None


def session_id(value: object) -> str:
    """Return the id of a session, or nothing."""
    return value if isinstance(value, str) and SESSION_ID.fullmatch(value) else ""


def directory(value: object) -> str:
    """Return an absolute path as the system tells of a working directory, or nothing.

    Without ``.`` and ``..`` and with no slash too many. Control characters may be in it.
    """
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        return ""
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return ""
    steps = value.split("/")[1:]
    good = value == "/" or not {"", ".", ".."} & set(steps)
    return value if good and size <= _PATH else ""
