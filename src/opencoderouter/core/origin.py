"""Who may send a browser here: only pages of the same origin (Fetch Metadata, RFC 6454).

OpenCode itself executes requests of foreign origins, so this check is the only one there is.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from opencoderouter.core import headers as fields
from opencoderouter.core.headers import Headers
from opencoderouter.core.hosts import Authority, parse_authority

_DEFAULT_PORTS = {"http": "80", "https": "443"}


def foreign(
    method: str, target: str, headers: Headers, scheme: str, authority: Authority
) -> Literal["request", "navigation"] | None:
    """Return None for a request that may pass.

    Any method counts: a ``GET /path?directory=`` runs that folder's plugins. A link from another
    site may lead to ``/`` and nowhere else: other ``"navigation"`` should be sent there.
    """
    origins = fields.by_name(headers).get("origin", ())
    if not all(_same(origin, scheme, authority) for origin in origins):
        return "request"
    if fields.get(headers, "sec-fetch-site") in {None, "same-origin", "none"}:
        return None
    navigation = (
        method == "GET"
        and fields.get(headers, "sec-fetch-mode") == "navigate"
        and fields.get(headers, "sec-fetch-dest") == "document"
        and not origins
    )
    if not navigation:
        return "request"
    return None if target == "/" else "navigation"


def _same(origin: str, scheme: str, authority: Authority) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    theirs = parse_authority(parts.netloc)
    if theirs is None or parts.scheme != scheme:
        return False
    default = _DEFAULT_PORTS.get(scheme, "")
    ours = (authority.host, authority.port or default)
    return (theirs.host, theirs.port or default) == ours
