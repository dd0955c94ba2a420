"""Header fields that a proxy drops, sets and mends (RFC 9110 sections 7.6 and 10.1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

Headers = tuple[tuple[str, str], ...]
Index = Mapping[str, Sequence[str]]

HOP_BY_HOP = frozenset(
    """connection keep-alive proxy-authenticate proxy-authorization proxy-connection te
    transfer-encoding upgrade""".split()
)
# What a client says of who it is and how it came is not believed, and not passed on.
_CLAIMS = frozenset({"forwarded", "x-real-ip"})
_CLAIM = "x-forwarded-"
# Naming one of these in Connection would let a client take it from its own request.
_NEEDED = frozenset("host content-length content-type authorization cookie origin".split())
_NONE: frozenset[str] = frozenset()


class Fields(tuple[tuple[str, str], ...]):  # noqa: SLOT001 - it has an attribute
    """Headers that are looked at more than once: found by name without a search.

    ``by_name`` has the values of each field by its name in lower case.
    """

    by_name: Index

    def __new__(cls, pairs: Iterable[tuple[str, str]]) -> Self:
        """Sort the fields by name."""
        made = super().__new__(cls, pairs)
        made.by_name = _index(made)
        return made


def _index(headers: Headers) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in headers:
        name = key.lower()
        if name in found:
            found[name].append(value)
        else:
            found[name] = [value]
    return found


def by_name(headers: Headers) -> Index:
    """Return the values of each field, by its name in lower case."""
    return headers.by_name if isinstance(headers, Fields) else _index(headers)


def get(headers: Headers, name: str) -> str | None:
    """Return the first field called ``name`` (lower case), or None."""
    found = by_name(headers).get(name)
    return found[0] if found else None


def tokens(headers: Headers, name: str) -> frozenset[str]:
    """Return the comma separated tokens of all fields called ``name``, in lower case."""
    found = by_name(headers).get(name)
    if not found:
        return _NONE
    return frozenset(part.strip().lower() for value in found for part in value.split(","))


def is_upgrade(headers: Headers) -> bool:
    """Tell whether a request asks to switch protocols.

    Not to cleartext HTTP/2: what follows would be requests that nobody here has seen.
    """
    wanted = tokens(headers, "upgrade") - {""}
    return bool(wanted) and "upgrade" in tokens(headers, "connection") and "h2c" not in wanted


def is_browser(headers: Headers) -> bool:
    """Tell whether a browser asks: all of them, and next to nobody else, say so."""
    return (get(headers, "user-agent") or "").startswith("Mozilla/")


def end_to_end(headers: Headers) -> Headers:
    """Return the fields that travel on: none that is about this connection only."""
    return without(headers, HOP_BY_HOP | (tokens(headers, "connection") - _NEEDED))


def without(headers: Headers, names: frozenset[str]) -> Headers:
    """Return the fields but for those of these names (lower case)."""
    if names.isdisjoint(by_name(headers)):
        return headers
    return tuple([field for field in headers if field[0].lower() not in names])


def to_upstream(headers: Headers, *, peer: str, host: str, scheme: str, prefix: str) -> Headers:
    """Return a request's fields as the backend gets them: Host kept, ``X-Forwarded-*`` ours."""
    claims = [name for name in by_name(headers) if name in _CLAIMS or name.startswith(_CLAIM)]
    kept = without(headers, HOP_BY_HOP.union(claims, tokens(headers, "connection") - _NEEDED))
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
    return (*kept, *te, *upgrade, *forwarded)
