"""The names of a router on this machine."""

from __future__ import annotations

import socket

from opencoderouter.core.hosts import Names
from opencoderouter.settings import Settings


def machine_names(settings: Settings) -> Names:
    """Return the names this machine goes by, and the owner's projects on it."""
    host = socket.gethostname().lower().rstrip(".")
    short = host.partition(".")[0]
    own = {host, short, f"{short}.local"} - {""}
    domains = {name.removeprefix("*.") for name in settings.allow_host if name.startswith("*.")}
    more = {name for name in settings.allow_host if not name.startswith("*.")}
    return Names(
        settings.owner,
        frozenset(own | more),
        frozenset(domains),
        frozenset(settings.allow_origin),
    )
