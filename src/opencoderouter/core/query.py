"""The query of a request target, looked at and mended without touching the rest of its bytes."""

from __future__ import annotations

from urllib.parse import unquote_plus

AUTH_TOKEN = "auth_token"  # noqa: S105 - OpenCode's name for credentials in a query


def values(target: str, name: str) -> list[str]:
    """Return the values of all parameters that are called ``name`` when decoded, decoded once."""
    _, _, query = target.partition("?")
    if "%" not in query and name not in query:  # as nearly always
        return []
    return [unquote_plus(_value(part)) for part in query.split("&") if _is(part, name)]


def without(target: str, name: str) -> str:
    """Return the target without the parameters called ``name``; others stay as they are."""
    path, mark, query = target.partition("?")
    kept = [part for part in query.split("&") if not _is(part, name)]
    if not mark or len(kept) == query.count("&") + 1:
        return target
    return f"{path}?{'&'.join(kept)}" if kept else path


def _is(part: str, name: str) -> bool:
    key = part.partition("=")[0]
    return key == name or ("%" in key and unquote_plus(key) == name)


def _value(part: str) -> str:
    return part.partition("=")[2]
