"""The passwords of this user's router, read without making or mending a file as commands do."""

from __future__ import annotations

import json
from contextlib import suppress

from opencoderouter.settings import Settings


def effective(settings: Settings) -> str | None:
    """Return the password that holds, if one can be read: the user's own, else the drawn one."""
    if settings.password is not None:
        return settings.password.get_secret_value()
    if settings.password_file is not None:
        return _first_line(settings)
    return _drawn(settings).get("password")


def known(settings: Settings) -> list[str]:
    """Return all that can be read, and the key that seals sessions: none may be shown."""
    own = [settings.password.get_secret_value()] if settings.password else []
    line = _first_line(settings)
    return [*own, *([line] if line else []), *_drawn(settings).values()]


def _first_line(settings: Settings) -> str | None:
    if settings.password_file is not None:
        with suppress(OSError, ValueError):
            return settings.password_file.read_text("utf-8").partition("\n")[0].rstrip("\r")
    return None


def _drawn(settings: Settings) -> dict[str, str]:
    with suppress(OSError, ValueError, RecursionError):
        content = json.loads(settings.sources.secrets.path.read_bytes())
        if isinstance(content, dict):
            return {name: value for name, value in content.items() if isinstance(value, str)}
    return {}
