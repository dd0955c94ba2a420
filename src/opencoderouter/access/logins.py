"""Login sessions that were ended: they stay ended, also when the router starts anew."""

from __future__ import annotations

import json
from pathlib import Path

from opencoderouter import private
from opencoderouter.private import Damaged


class LoggedOut:
    """A JSON object, session id to when it would have ended (POSIX seconds); a missing one is {}.

    All raise Damaged, NotPrivate, or OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> dict[str, float]:
        """Return the sessions that were ended."""
        try:
            content = private.read_json(self.path)
        except FileNotFoundError:
            return {}
        found = {name: float(at) for name, at in content.items() if isinstance(at, int | float)}
        if len(found) < len(content):
            raise Damaged(self.path, "is damaged: an entry is no time")
        return found

    def add(self, sessions: dict[str, float], now: float) -> None:
        """Add sessions, durably; those that would have ended by themselves are left out."""
        with private.locked(self.path):
            every = self.load() | sessions
            kept = {name: expires for name, expires in every.items() if now < expires}
            private.replace(self.path, json.dumps(kept, indent=1).encode())
