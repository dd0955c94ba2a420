"""Names: from a directory to a slug that fits a URL path and a host label."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import count

# Paths and host labels of the router itself: never the bare slug of a project.
RESERVED = frozenset(
    "api assets dashboard health local localhost login logout metrics ocr router static www".split()
)
LABEL = 63  # octets in a DNS label, RFC 1035 section 2.3.4
_DIGEST = 6
# RFC 1123 section 2.1, in lower case.
HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

Ascii = Callable[[str], str]


def slugify(path: str) -> str:
    """Return the slug of the last folder of ``path``: lower case, ``[a-z0-9-]``, never empty."""
    return _word(path.rstrip("/").rpartition("/")[2])


def is_slug(text: str) -> bool:
    """Tell whether ``text`` may be leased: a slug that fits a host label and is not reserved."""
    return len(text) <= LABEL and text not in RESERVED and _SLUG.fullmatch(text) is not None


def candidates(directory: str, *, limit: int, ascii_: Ascii) -> Iterator[str]:
    """Yield the slugs ``directory`` may have, best first, without end.

    ``name``, ``parent-name``, ``grandparent-parent-name`` and so on, then ``name-`` and digests of
    the whole directory. ``limit`` is the longest slug allowed, at least 6; ``ascii_`` spells other
    scripts in ASCII.
    """
    parts = [_word(ascii_(part)) for part in directory.split("/") if part] or [_word("")]
    for length in range(1, len(parts) + 1):
        slug = "-".join(parts[-length:])
        if len(slug) > limit:
            break
        if slug not in RESERVED:
            yield slug
    stem = parts[-1][: max(limit - _DIGEST - 1, 0)].rstrip("-")
    yield from (f"{stem}-{_digest(directory, salt)}".lstrip("-") for salt in count())


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
        result[directory] = next(name for name in names if name not in taken)
        taken.add(result[directory])
    return result


def _word(name: str) -> str:
    """Return the slug of one folder name. A slash counts as any other sign: ``½`` is ``1/2``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "default"


def _digest(directory: str, salt: int) -> str:
    # surrogatepass: no path, however broken, may stop discovery
    text = f"{directory}\0{salt}" if salt else directory
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
