"""Host labels outlive the router: those that were not the usual ones, in a file of the state."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from opencoderouter import private
from opencoderouter.core.slug import HOST_LABEL

_log = logging.getLogger(__name__)


class LabelFile:
    """A JSON object: for each ``place``, slug to host label.

    A place is a router: several may share a home directory, on one machine or on many.

    A file that cannot be read or written costs the labels of the next run, not this run: it is
    logged, never raised.
    """

    def __init__(self, path: Path, place: str) -> None:
        self._path, self._place = path, place

    def load(self) -> dict[str, str]:
        """Return the labels of earlier runs there: none when there is no file yet."""
        try:
            return self._read().get(self._place, {})
        except FileNotFoundError:
            return {}
        except OSError as error:
            _log.warning("labels not loaded path=%s error=%s", self._path, error)
            return {}

    def save(self, slug: str, label: str) -> None:
        """Keep one label, durably."""
        try:
            with private.locked(self._path):
                stored = self._stored()
                stored.setdefault(self._place, {})[slug] = label
                text = json.dumps(stored, indent=1, sort_keys=True)
                private.replace(self._path, text.encode("ascii"))
        except OSError as error:
            _log.warning("labels not saved path=%s error=%s", self._path, error)

    def _stored(self) -> dict[str, dict[str, str]]:
        """Return what is in the file; a damaged one is written anew."""
        try:
            return self._read()
        except (FileNotFoundError, private.Damaged):
            return {}

    def _read(self) -> dict[str, dict[str, str]]:
        content = private.read_json(self._path)
        return {place: _valid(labels) for place, labels in content.items()}


def _valid(labels: object) -> dict[str, str]:
    pairs = labels.items() if isinstance(labels, dict) else ()
    return {
        s: label for s, label in pairs if isinstance(label, str) and HOST_LABEL.fullmatch(label)
    }
