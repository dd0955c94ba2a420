"""Cookies (RFC 6265): the router's own stay between it and the browser, whatever backends do.

All ports of a host share its cookies, so that those of other routers come here as well.
"""

from __future__ import annotations

from opencoderouter.core import headers as fields
from opencoderouter.core.headers import Headers

SESSION = "ocr-session-"  # and the router's port
SECURE_SESSION = f"__Host-{SESSION}"
_OURS = (SESSION, SECURE_SESSION.lower())
_BLANK = " \t\r\n\v\f"  # what somebody may take for nothing


def values(headers: Headers, name: str) -> list[str]:
    """Return the values of all cookies of this name that a request has."""
    pairs = (
        pair.strip().partition("=")
        for field in fields.by_name(headers).get("cookie", ())
        for pair in field.split(";")
    )
    return [value for key, _, value in pairs if key.strip() == name]


def without_ours(headers: Headers) -> Headers:
    """Return a request's fields without any router's sessions; others stay as they are."""
    if not any(_has_ours(field) for field in fields.by_name(headers).get("cookie", ())):
        return headers
    mended = ((k, _kept(v) if k.lower() == "cookie" else v) for k, v in headers)
    return tuple((key, value) for key, value in mended if value or key.lower() != "cookie")


def may_be_set(value: str) -> bool:
    """Tell whether a backend may set this cookie: for its own host, and none of a router's.

    A cookie without a name is sent as its value alone, which may read like another one's.
    """
    pair, *attributes = value.split(";")
    name, mark, _ = pair.partition("=")
    widens = any(part.partition("=")[0].strip().lower() == "domain" for part in attributes)
    return bool(mark and name.strip(_BLANK)) and not widens and not _is_ours(name)


def _has_ours(field: str) -> bool:
    return any(_is_ours(pair) for pair in field.split(";"))


def _kept(field: str) -> str:
    if not _has_ours(field):
        return field
    return "; ".join(pair.strip() for pair in field.split(";") if not _is_ours(pair))


def _is_ours(pair: str) -> bool:
    return pair.strip(_BLANK + "=").lower().startswith(_OURS)
