"""A backend's answer as the client gets it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from opencoderouter.core import cookies
from opencoderouter.core.headers import Headers, end_to_end, without

_COOKIE_PATH = re.compile(r"(?i)(;\s*path\s*=\s*)(/[^;]*)")
_ABSOLUTE = re.compile(r"(?is)(?:https?:)?//([^/?#\\]*)(.*)")
# Below a path, a project shares its origin with the dashboard and other projects. What it answers
# is for programs there; as a document it has no script and an origin of its own.
SANDBOX = (("Content-Security-Policy", "sandbox"), ("X-Content-Type-Options", "nosniff"))
# On its own host a project may be framed by itself only: who frames it, with the cookie that comes
# along, could have its buttons clicked.
UNFRAMED = (("Content-Security-Policy", "frame-ancestors 'self'"),)
# What one path says of its whole origin.
_OF_THE_ORIGIN = frozenset(
    """accept-ch alt-svc clear-site-data critical-ch nel origin-agent-cluster report-to
    reporting-endpoints service-worker-allowed speculation-rules strict-transport-security
    use-as-dictionary x-content-type-options""".split()
)


def to_client(headers: Headers, *, prefix: str, authorities: Iterable[str]) -> Headers:
    """Return the fields of a backend's answer as the client gets them.

    No cookie reaches another host, or takes the place of a router's. With a ``prefix`` (path mode),
    redirects to the backend's own paths (relative, or absolute to one of ``authorities``) and
    cookie paths are put under it; a final answer also needs ``SANDBOX`` there.
    """
    kept = tuple(
        (key, value)
        for key, value in end_to_end(headers)
        if key.lower() != "set-cookie" or cookies.may_be_set(value)
    )
    if not prefix:
        return kept
    own, kept = frozenset(authorities), without(kept, _OF_THE_ORIGIN)
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
