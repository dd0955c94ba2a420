"""A port for a server that is about to start."""

from __future__ import annotations

import socket
from collections.abc import Collection
from contextlib import suppress

from opencoderouter.kernel.sockets import Listeners

LOOPBACK = "127.0.0.1"


def free_port(
    ports: range,
    *,
    listeners: Listeners | None,
    taken: Collection[int],
    best: int | None = None,
    last: Collection[int] = (),
) -> int | None:
    """Return a port of the range that nobody listens on, at whatever address, or None.

    ``taken`` ports are not given away; those in ``last`` are when there is no other; of the rest
    ``best`` comes first. Somebody may take the port before it is used.
    """
    used = listening(listeners)
    free = (port for port in ports if port not in used and port not in taken)
    ranked = sorted(free, key=lambda port: (port in last, port != best))
    return next((port for port in ranked if _can_bind(port)), None)


def listening(listeners: Listeners | None) -> set[int]:
    """Return the ports that somebody listens on, as far as the kernel tells."""
    with suppress(OSError):  # it refuses what it granted before; binding will tell
        return {listener.port for listener in listeners()} if listeners else set()
    return set()


def _can_bind(port: int) -> bool:
    with suppress(OSError), socket.socket() as probe:  # there may be no descriptor left, too
        # As servers do: connections of an earlier one that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOOPBACK, port))
        return True
    return False
