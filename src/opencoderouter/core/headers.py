"""Header fields that a proxy drops, sets and mends (RFC 9110 sections 7.6 and 10.1.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable

Headers = tuple[tuple[str, str], ...]

HOP_BY_HOP = frozenset(
    """connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer
    transfer-encoding upgrade""".split()
)
# What a client says of who it is and how it came is not believed, and not passed on.
_CLAIMS = re.compile(r"forwarded|x-real-ip|x-forwarded-.*")
# Naming one of these in Connection would let a client take it from its own request.
_NEEDED = frozenset("host content-length content-type authorization cookie origin".split())
_COOKIE_PATH = re.compile(r"(?i)(;\s*path\s*=\s*)(/[^;]*)")
_ABSOLUTE = re.compile(r"(?is)(?:https?:)?//([^/?#\\]*)(.*)")


def get(headers: Headers, name: str) -> str | None:
    """Return the first field called ``name`` (lower case), or None."""
    return next((value for key, value in headers if key.lower() == name), None)


def tokens(headers: Headers, name: str) -> frozenset[str]:
    """Return the comma separated tokens of all fields called ``name``, in lower case."""
    fields = (value for key, value in headers if key.lower() == name)
    return frozenset(part.strip().lower() for field in fields for part in field.split(","))


def is_upgrade(headers: Headers) -> bool:
    """Tell whether a request asks to switch protocols.

    Not to cleartext HTTP/2: what follows would be requests that nobody here has seen.
    """
    wanted = tokens(headers, "upgrade") - {""}
    return "upgrade" in tokens(headers, "connection") and bool(wanted) and "h2c" not in wanted


def end_to_end(headers: Headers) -> Headers:
    """Return the fields that travel on: none that is about this connection only."""
    named = tokens(headers, "connection") - _NEEDED
    return tuple((k, v) for k, v in headers if k.lower() not in HOP_BY_HOP | named)


def to_upstream(headers: Headers, *, peer: str, host: str, scheme: str, prefix: str) -> Headers:
    """Return a request's fields as the backend gets them: Host kept, ``X-Forwarded-*`` ours."""
    kept = tuple((k, v) for k, v in end_to_end(headers) if not _CLAIMS.fullmatch(k.lower()))
    te = (("TE", "trailers"),) if "trailers" in tokens(headers, "te") else ()
    upgrade: Headers = ()
    if is_upgrade(headers):
        upgrade = (("Connection", "Upgrade"), ("Upgrade", get(headers, "upgrade") or ""))
    forwarded = (
        ("X-Forwarded-For", peer),
        ("X-Forwarded-Host", host),
        ("X-Forwarded-Proto", scheme),
        *((("X-Forwarded-Prefix", prefix),) if prefix else ()),
    )
    return kept + te + upgrade + forwarded


def to_client(headers: Headers, *, prefix: str, authorities: Iterable[str]) -> Headers:
    """Return a response's fields as the client gets them.

    With a ``prefix`` (path mode), redirects to the backend's own paths (relative, or absolute to
    one of ``authorities``) and cookie paths are put under it.
    """
    kept = end_to_end(headers)
    if not prefix:
        return kept
    own = frozenset(authorities)
    return tuple((key, _mend(key.lower(), value, prefix, own)) for key, value in kept)


def _mend(name: str, value: str, prefix: str, authorities: frozenset[str]) -> str:
    if name in {"location", "content-location"}:
        return _mend_location(value, prefix, authorities)
    if name == "set-cookie":
        return _COOKIE_PATH.sub(lambda match: match[1] + prefix + match[2], value)
    return value


def _mend_location(value: str, prefix: str, authorities: frozenset[str]) -> str:
    absolute = _ABSOLUTE.fullmatch(value)
    if absolute is None:
        return prefix + value if value.startswith("/") else value
    authority, rest = absolute[1].lower(), absolute[2]
    if authority not in authorities:
        return value
    return prefix + (rest if rest.startswith("/") else f"/{rest}")
