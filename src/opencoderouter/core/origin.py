"""Who may send a browser here: only pages of the same origin (Fetch Metadata, RFC 6454).

OpenCode itself executes requests of foreign origins, so this check is the only one there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from opencoderouter.core import headers as fields
from opencoderouter.core.headers import Headers
from opencoderouter.core.hosts import DEFAULT_PORTS, Authority, parse_authority


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes: the origin that its pages would have, and others that may ask there."""

    scheme: str
    authority: Authority
    allowed: frozenset[str] = frozenset()


def foreign(
    method: str, target: str, headers: Headers, place: Place
) -> Literal["request", "navigation"] | None:
    """Return None for a request that may pass.

    Any method counts: a ``GET /path?directory=`` runs that folder's plugins. A link from another
    site may lead to ``/`` and nowhere else: other ``"navigation"`` should be sent there.
    """
    origins = fields.by_name(headers).get("origin", ())
    if origins and all(origin.lower() in place.allowed for origin in origins):
        return None
    if not all(_same(origin, place.scheme, place.authority) for origin in origins):
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


def is_own(headers: Headers, place: Place) -> bool:
    """Tell whether it is certain that a page of the same origin asks, or nobody's (typed in).

    By plain HTTP browsers send no Fetch Metadata to ``.local`` names and addresses. Cookies they
    send for the pages of all ports of a host, and another one may be another user's. A page can
    keep its Referer to itself, but not forge one.
    """
    found = fields.by_name(headers)
    if sites := found.get("sec-fetch-site"):
        return all(site in {"same-origin", "none"} for site in sites)
    said = [*found.get("origin", ()), *found.get("referer", ())]
    return bool(said) and all(_same(one, place.scheme, place.authority) for one in said)


def _same(origin: str, scheme: str, authority: Authority) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    theirs = parse_authority(parts.netloc)
    if theirs is None or parts.scheme != scheme:
        return False
    default = DEFAULT_PORTS.get(scheme, "")
    ours = (authority.host, authority.port or default)
    return (theirs.host, theirs.port or default) == ours
