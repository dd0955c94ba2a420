"""Which project somebody means: by a path on this machine, or by a name.

Every answer is a tuple of slugs: none, the one, or several that the caller must choose from. A
path never falls back to a name, so that a wrong directory never leads into another repository.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

from opencoderouter.core.slug import slugify

Places = Mapping[str, str]  # slug -> directory


def by_path(places: Places, path: str, *, home: str, real: str | None = None) -> tuple[str, ...]:
    """Return the slugs of the projects that ``path`` belongs to.

    An absolute path (``~`` is ``home``) belongs to the project whose directory is the longest one
    that holds it; ``real`` is where it leads once its symbolic links are followed, and counts more
    than how it was spelled. A relative path means each directory that ends with its components.
    """
    given = _normal(expand(path, home))
    if not given.startswith("/"):
        return _ending_with(places, given)
    if exact := _exactly(places, given):
        return exact
    return (_holding(places, _normal(real)) if real else ()) or _holding(places, given)


def by_name(places: Places, name: str) -> tuple[str, ...]:
    """Return the slugs of the projects called ``name``: by slug, or by the name of the folder.

    Of a path, the last folder counts: only for a caller who said that this is what they want.
    """
    base = _base(name)
    return _sorted(s for s, d in places.items() if s == base.lower() or _alike(base, _base(d)))


def expand(path: str, home: str) -> str:
    """Return ``path`` with a leading ``~`` replaced; ``~somebody`` is a name like any other."""
    return f"{home}/{path[1:]}" if path == "~" or path.startswith("~/") else path


def _normal(path: str) -> str:
    """Return ``path`` without ``.``, ``..``, doubled and trailing slashes; textual, no look-up."""
    clean = posixpath.normpath(path)
    return f"/{clean.lstrip('/')}" if clean.startswith("/") else clean


def _exactly(places: Places, path: str) -> tuple[str, ...]:
    return _sorted(slug for slug, directory in places.items() if directory == path)


def _holding(places: Places, path: str) -> tuple[str, ...]:
    holders = [slug for slug, directory in places.items() if _is_under(path, directory)]
    return tuple(sorted(holders, key=lambda slug: len(places[slug]))[-1:])


def _is_under(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory.rstrip('/')}/")


def _ending_with(places: Places, path: str) -> tuple[str, ...]:
    if path.split("/", maxsplit=1)[0] in {".", ".."}:
        return ()  # relative to a place that only the caller knows
    return _sorted(slug for slug, directory in places.items() if directory.endswith(f"/{path}"))


def _alike(one: str, other: str) -> bool:
    """Compare as written; by the slug rule only where it loses no letters of another script."""
    if one.casefold() == other.casefold():
        return True
    spelled = one.isascii() and other.isascii() and any(map(str.isalnum, one))
    return spelled and slugify(one) == slugify(other)


def _base(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _sorted(slugs: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(slugs))
