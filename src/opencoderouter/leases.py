"""Names outlive the router: leases in a file of the state directory."""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Mapping
from pathlib import Path

from opencoderouter import private
from opencoderouter.core.slug import is_slug

_log = logging.getLogger(__name__)
_PATIENCE = 2.0  # seconds that the end may take


class LeaseFile:
    """A JSON object, directory to slug, that all routers of a user share.

    A lease in the file is never changed: what another router wrote meanwhile is kept, and of ours
    only what does not contradict it is added. A contradiction (two routers gave one name, or named
    one directory, within the same instant) is logged; this router goes by its own name until it
    ends, the next one goes by the file. A file that cannot be read or written costs the names of
    the next run, not this run: it is logged, never raised.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, str]:
        """Return the leases of earlier runs: none when there is no file yet.

        A file that is no JSON object is moved aside (``.bad``). A slug that could not have been
        leased, and all but the first lease of one slug, are left out.
        """
        try:
            return self._read()
        except OSError as error:
            _log.warning("leases not loaded path=%s error=%s", self._path, error)
            return {}

    def save(self, leases: Mapping[str, str]) -> None:
        """Add ``leases`` to those in the file, at once and durably."""
        try:
            with private.locked(self._path):
                stored = self._read()
                merged = _merge(stored, leases)
                if merged != stored:
                    self._write(merged)
        except OSError as error:
            _log.warning("leases not saved path=%s error=%s", self._path, error)

    def _read(self) -> dict[str, str]:
        try:
            content = json.loads(private.read(self._path, mend=True))
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError) as error:
            return self._set_aside(error)
        if not isinstance(content, dict):
            return self._set_aside("not an object")
        leases = _valid(content)
        if len(leases) < len(content):
            number = len(content) - len(leases)
            _log.warning("leases left out path=%s number=%d", self._path, number)
        return leases

    def _set_aside(self, error: object) -> dict[str, str]:
        aside = self._path.with_name(f"{self._path.name}.bad")
        self._path.replace(aside)
        _log.warning("leases damaged path=%s error=%s moved_to=%s", self._path, error, aside)
        return {}

    def _write(self, leases: Mapping[str, str]) -> None:
        # ASCII with escapes: a path that is not UTF-8 has lone surrogates, which survive so
        text = json.dumps(leases, indent=1, sort_keys=True)
        private.replace(self._path, text.encode("ascii"))


def _valid(content: Mapping[str, object]) -> dict[str, str]:
    by_slug: dict[str, str] = {}
    for directory, slug in content.items():
        if isinstance(slug, str) and is_slug(slug):
            by_slug.setdefault(slug, directory)
    return {directory: slug for slug, directory in by_slug.items()}


def _merge(stored: Mapping[str, str], leases: Mapping[str, str]) -> dict[str, str]:
    owners = {slug: directory for directory, slug in stored.items()}
    merged = dict(stored)
    for directory, slug in leases.items():
        if directory not in stored and slug not in owners:
            merged[directory] = slug
        elif stored.get(directory) != slug:
            _log.warning(
                "lease contradicted directory=%s slug=%s stored_slug=%s stored_directory=%s",
                directory,
                slug,
                stored.get(directory),
                owners.get(slug),
            )
    return merged


class LeaseWriter:
    """Saves leases in a thread of its own, the newest only.

    The lock may be held by another router, and a home directory may hang: neither may hold up
    who calls ``save``.
    """

    def __init__(self, file: LeaseFile) -> None:
        self._file = file
        self._newest: queue.SimpleQueue[Mapping[str, str] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self._thread.start()

    def save(self, leases: Mapping[str, str]) -> None:
        """Have ``leases`` saved soon."""
        self._newest.put(dict(leases))

    def close(self) -> None:
        """Wait until all is saved, but not for ever."""
        self._newest.put(None)
        self._thread.join(_PATIENCE)
        if self._thread.is_alive():
            _log.warning("leases not saved in time seconds=%s", _PATIENCE)

    def _run(self) -> None:
        while (leases := self._newest.get()) is not None:
            while not self._newest.empty():
                newer = self._newest.get()
                if newer is None:
                    self._file.save(leases)
                    return
                leases = newer
            self._file.save(leases)
