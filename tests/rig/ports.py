"""Ports that nobody uses."""

from __future__ import annotations

import errno
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
    """Tell whether nobody has anything of it, not even a connection that is still closing."""
    return _can_bind(socket.AF_INET, "0.0.0.0", port) and _can_bind(socket.AF_INET6, "::", port)


def _can_bind(family: socket.AddressFamily, address: str, port: int) -> bool:
    try:
        with socket.socket(family) as probe:
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
    except OSError as error:
        return error.errno != errno.EADDRINUSE  # without IPv6 nobody has anything there
    return True
