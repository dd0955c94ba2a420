"""Ports that nobody uses."""

from __future__ import annotations

import itertools
import os
import socket

# Below the kernel's range for outgoing connections, which could take a port between look and use.
_LOWEST, _HIGHEST = 12_000, 29_000
_WIDTH = 20
_next = itertools.count(os.getpid() * 7 % ((_HIGHEST - _LOWEST) // _WIDTH))


def free_range() -> range:
    """Return 20 neighbouring ports that are all free, other ones at every call."""
    for number in _next:
        start = _LOWEST + number * _WIDTH % (_HIGHEST - _LOWEST)
        ports = range(start, start + _WIDTH)
        if all(map(_is_free, ports)):
            return ports
    raise AssertionError


def free_port() -> int:
    """Return a free port, another one at every call."""
    return free_range()[0]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
