"""The names of a router on this machine."""

from __future__ import annotations

import socket
from itertools import islice

from opencoderouter.core.announcement import labels
from opencoderouter.core.hosts import ROUTER, Names
from opencoderouter.core.slug import slugify
from opencoderouter.settings import Settings

_HOST = 20  # octets of the machine's name in a host label


def machine() -> str:
    """Return the machine's own name as a host label, without its domain."""
    return slugify(socket.gethostname().partition(".")[0])[:_HOST].strip("-")


def place(settings: Settings) -> str:
    """Return what tells a router from all others that may share its home directory."""
    return f"{settings.owner}@{machine()}:{settings.port}"


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
        frozenset({(ROUTER, next(islice(labels(ROUTER, settings.owner, machine()), 1, None)))}),
        settings.dns_zone or "",
    )
