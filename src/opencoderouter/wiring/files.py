"""How many files this process may have open: every connection is one."""

from __future__ import annotations

import logging
import resource
from contextlib import suppress

from opencoderouter.proxy.lane.lane import room

_log = logging.getLogger(__name__)


def allow_many() -> None:
    """Raise the limit as far as this user may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS has a lower one that it does not tell
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def warn_of_few(connections: int, processes: int) -> None:
    """Say so when so many processes cannot have as many connections; warn below half of them."""
    files = processes * room()
    if files < connections:
        _log.log(
            logging.WARNING if 2 * files < connections else logging.INFO,
            "few open files connections=%d max_connections=%d hint=%s",
            *(files, connections, "raise the hard limit (ulimit -Hn)"),
        )
