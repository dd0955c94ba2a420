"""Names: from a directory to a slug that fits a URL path and a host label."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256

# Paths and host labels of the router itself: never the bare slug of a project.
RESERVED = frozenset(
    "api assets dashboard health local localhost login logout metrics ocr router static www".split()
)
LABEL = 63  # octets in a DNS label, RFC 1035 section 2.3.4
_DIGEST = 6

Ascii = Callable[[str], str]


def slugify(path: str) -> str:
    """Return the slug of the last folder of ``path``: lower case, ``[a-z0-9-]``, never empty."""
    base = path.rstrip("/").rpartition("/")[2].lower()
    slug = re.sub(r"-+", "-", re.sub(r"[^a-z0-9-]", "-", base)).strip("-")
    return slug or "default"


def candidates(directory: str, *, limit: int, ascii_: Ascii) -> Iterator[str]:
    """Yield the slugs ``directory`` may have, best first; the last one names it alone.

    ``name``, ``parent-name``, ``grandparent-parent-name`` and so on, then ``name-`` and a digest
    of the whole directory. ``ascii_`` spells other scripts in ASCII.
    """
    parts = [slugify(ascii_(part)) for part in directory.split("/") if part] or ["default"]
    digest = sha256(directory.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGEST]
    for length in range(1, len(parts) + 1):
        slug = "-".join(parts[-length:])
        if len(slug) <= limit and slug not in RESERVED:
            yield slug
    yield f"{parts[-1][: limit - _DIGEST - 1].rstrip('-')}-{digest}".lstrip("-")


def assign(
    leases: Mapping[str, str], directories: Iterable[str], *, limit: int, ascii_: Ascii
) -> dict[str, str]:
    """Return ``leases`` (directory to slug) with a lease for each of ``directories``.

    A lease once given is kept. New ones do not depend on the order of ``directories``: the
    shortest path, then the first in the alphabet, chooses first.
    """
    result = dict(leases)
    taken = set(result.values())
    fresh = {directory for directory in directories if directory not in result}
    for directory in sorted(fresh, key=lambda path: (path.count("/"), path)):
        names = candidates(directory, limit=limit, ascii_=ascii_)
        slug = next((name for name in names if name not in taken), None)
        if slug is None:  # two digests of six hex digits met
            slug = sha256(directory.encode("utf-8", "surrogateescape")).hexdigest()[:limit]
        result[directory] = slug
        taken.add(slug)
    return result
