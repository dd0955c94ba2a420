"""Basic credentials as they stand in an ``Authorization`` field (RFC 7617)."""

from __future__ import annotations

from base64 import b64decode, b64encode

_SCHEME = "basic"


def basic(username: str, password: str) -> str:
    """Return the field value. ``username`` may have no colon: the first one ends it."""
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"


def read_basic(value: str) -> tuple[str, str] | None:
    """Return user name and password, or None for whatever is not exactly Basic credentials.

    The scheme is in any case (RFC 9110 section 11.1), the rest is canonical base64 of UTF-8: no
    other spelling of the same credentials is taken. Never raises, whatever the text.
    """
    scheme, _, token = value.partition(" ")
    token = token.lstrip(" ")
    if scheme.lower() != _SCHEME:
        return None
    try:
        raw = b64decode(token, validate=True)
        text = raw.decode()
    except ValueError:
        return None
    username, colon, password = text.partition(":")
    return (username, password) if colon and b64encode(raw).decode() == token else None
